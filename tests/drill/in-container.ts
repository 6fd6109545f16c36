// Runs the drill where the executor is installed: programs come in as JSON on stdin, what they came to goes out on stdout.
import type { ChildProcess } from "node:child_process";
import { json } from "node:stream/consumers";
import { WorkerPeer } from "../worker-peer.ts";

const [, , installed = "", workerPath = ""] = process.argv;
const { launch } = (await import(`${installed}/pool/launch.js`)) as {
  readonly launch: (options: { workerPath: string }) => ChildProcess;
};
await using peer = new WorkerPeer(launch({ workerPath }));
const outcomes: unknown[] = [];
for (const program of (await json(process.stdin)) as string[]) outcomes.push((await peer.run(program)).value);
process.stdout.write(JSON.stringify(outcomes));
