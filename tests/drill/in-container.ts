// Runs the drill where the executor is installed: programs come in as JSON on stdin, what they came to goes out on stdout. How workers
// are launched comes along, since what is installed is one file.
import { json } from "node:stream/consumers";
import { launch } from "../../executor/src/pool/launch.ts";
import { WorkerPeer } from "../worker-peer.ts";

const [, , workerPath = ""] = process.argv;
await using peer = new WorkerPeer(launch({ workerPath }));
const outcomes: unknown[] = [];
for (const program of (await json(process.stdin)) as string[]) outcomes.push((await peer.run(program)).value);
process.stdout.write(JSON.stringify(outcomes));
