import { Run, WorkerEvent } from "@codemode/proto/worker";
import { frame } from "../../executor/src/pool/frames.ts";
import { launch } from "../../executor/src/pool/launch.ts";
import type { Lease } from "../../executor/src/pool/lease.ts";
import { Pool } from "../../executor/src/pool/pool.ts";
import { systemProbe } from "../../executor/src/pool/probe.ts";
import type { RunEvent } from "../../executor/src/pool/run.ts";
import type { Event } from "../../executor/src/pool/worker-process.ts";

const limits = { cpuMs: 1_000, residentBytes: 450 * 1024 * 1024 };

/** Who borrows them. */
export const applicant = { account: { id: "one", weight: 1 }, tenant: "a", bytes: 0 };

/** A pool of workers that run programs with all rights. */
export function poolOf(workerPath: string, size: number): Pool {
  const start = () => launch({ workerPath });
  const lines = { maxWaiting: 8, maxWaitMs: 60_000, totalWeight: 1 };
  return new Pool({ size, ...lines, isolation: "isolate", launch: start, probe: systemProbe() });
}

/** What the session is told when `code` runs with all rights. Resolves with the first end, and with what came before it. */
export async function begin(
  lease: Lease,
  code: string,
): Promise<{ end: string; stderr: string; events: RunEvent["$case"][] }> {
  const { promise, resolve } = Promise.withResolvers<{ end: string; stderr: string }>();
  const events: RunEvent["$case"][] = [];
  lease.begin({ run: { ...Run.decode(new Uint8Array()), code }, manifest: new Uint8Array() }, limits, {
    event: ({ $case }) => {
      events.push($case);
      if ($case === "done") resolve({ end: "done", stderr: "" });
    },
    over: (excess) => resolve({ end: excess, stderr: "" }),
    died: ({ stderr }) => resolve({ end: "died", stderr }),
    parkable: false,
    answerBytes: 0,
    park: () => {},
  });
  return { ...(await promise), events };
}

/** A program that writes these events, or bytes, to its channel. */
export function says(...parts: readonly (Event | Buffer)[]): string {
  const bytes = parts.map((part) =>
    Buffer.isBuffer(part) ? part : frame(WorkerEvent.encode({ event: part }).finish()),
  );
  return `require("fs").writeSync(3, Buffer.from("${Buffer.concat(bytes).toString("hex")}", "hex"));`;
}
