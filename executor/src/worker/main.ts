// Worker
// ==========================================================================
// A disposable process that runs one program at a time, each in a fresh isolate. It has no event loop of its own to
// speak of: it waits for a request, enters the isolate, writes what comes of it, and waits again.
//
//   The worker owns   the isolate, the form of the program, what a failure looks like in the user's lines.
//   The edge owns     this process, every limit, and how a run is said to have ended.
import { parseArgs } from "node:util";
import type { WorkerEvent } from "@codemode/proto/worker";
import { Catalog } from "./catalog.ts";
import { Channel } from "./channel.ts";
import { Isolate } from "./isolate.ts";
import { giveUpRights } from "./rights.ts";
import { ProgramRun } from "./run.ts";
import { tableText } from "./tables.ts";

process.env["TZ"] = "UTC"; // for every isolate: where the executor stands is no business of a program

const MIB = 1024 * 1024;
const { values: settings } = parseArgs({ options: { "heap-mib": { type: "string" }, uid: { type: "string" } } });
giveUpRights(settings.uid === undefined ? undefined : Number(settings.uid));
const defaultHeapMib = Number(settings["heap-mib"] ?? 64);
const channel = new Channel();

/** An isolate before it has a program: what it says goes to the run that it gets. */
class Warm {
  run: ProgramRun | undefined;
  readonly heapMib: number;
  readonly isolate: Isolate;

  constructor(heapMib: number) {
    this.heapMib = heapMib;
    this.isolate = new Isolate(
      heapMib,
      (kind, ...values) => this.run?.receive(kind, ...values),
      (what, kind, name) => (what === "table" ? tableText(name) : (this.run?.ask(what, kind, name) ?? "")),
    );
  }
}

let catalog = new Catalog();
let warm = new Warm(defaultHeapMib);
let cpuBefore = process.cpuUsage();
channel.write({ $case: "ready", value: {} });

for (;;) {
  if (!channel.hasMore) warm.run?.wait();
  const message = channel.read();
  if (!message?.request) break;
  const { request } = message;
  if (request.$case === "run") {
    const heapMib = Math.ceil(Number(request.value.budgets?.heapBytes ?? 0n) / MIB) || defaultHeapMib;
    if (heapMib !== warm.heapMib) {
      warm.isolate.dispose();
      warm = new Warm(heapMib);
    }
    cpuBefore = process.cpuUsage();
    warm.run = new ProgramRun(request.value, warm.isolate, catalog, write);
    warm.run.start();
  } else if (request.$case === "settle") warm.run?.settle(request.value);
  else {
    if (request.$case === "manifest") catalog = new Catalog(request.value);
    else renew();
    continue;
  }
  if (warm.run?.ended) finish(warm.run);
}

// Never process.exit(): it can hang or fault behind a disposed isolate.
process.kill(process.pid, "SIGKILL");

function finish(run: ProgramRun): void {
  const { user, system } = process.cpuUsage(cpuBefore);
  const { ended, truncation, warnings } = run;
  const heapBytes = BigInt(warm.isolate.heapBytes);
  write({ $case: "done", value: { result: ended, truncation, warnings, heapBytes, cpuUs: BigInt(user + system) } });
  renew();
}

/** Ends the isolate, says so, and makes the next before it is asked for. */
function renew(): void {
  warm.isolate.dispose();
  write({ $case: "clean", value: {} });
  warm = new Warm(defaultHeapMib);
  write({ $case: "ready", value: {} });
}

function write(event: NonNullable<WorkerEvent["event"]>): void {
  channel.write(event);
}
