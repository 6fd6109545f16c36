import { afterAll, beforeAll, expect, test } from "vitest";
import { Log } from "@codemode/proto/messages";
import { frame } from "../executor/src/pool/frames.ts";
import type { Event } from "../executor/src/pool/worker-process.ts";
import { bundleWorker } from "./drill/drill.ts";
import { applicant, begin, poolOf, says } from "./drill/hostile.ts";
import { isAlive } from "./executor-fixture.ts";

// A worker that has been taken over writes to its channel what it likes. Whatever that is, the edge ends the run, kills
// the process and goes on with another (W3, W4, W7, W9).

const never = new AbortController().signal;

let drill: Awaited<ReturnType<typeof bundleWorker>>;
beforeAll(async () => {
  drill = await bundleWorker();
});
afterAll(() => drill[Symbol.dispose]());

const poolOfOne = () => poolOf(drill.path, 1);

const hang = "await new Promise((resolve) => setTimeout(resolve, 60_000));";
const nothing = new Uint8Array();
const done: Event = {
  $case: "done",
  value: { result: undefined, truncation: undefined, warnings: [], heapBytes: 0n, cpuUs: 0n },
};
const idle: Event = { $case: "idle", value: { entries: 1, open: 0 } };
const clean: Event = { $case: "clean", value: {} };
const ready: Event = { $case: "ready", value: {} };
const log: Event = { $case: "log", value: Log.decode(nothing) };

test.each<[string, string, string?]>([
  ["a frame of 4 GiB", `${says(Buffer.alloc(8, 0xff))} ${hang}`],
  ["a frame that is no message", `${says(frame(Buffer.alloc(40, 0xff)))} ${hang}`],
  ["a frame that says nothing", `${says(frame(Buffer.alloc(0)))} ${hang}`],
  ["an event that nobody knows", `${says(frame(Buffer.from([0xfa, 0x7f, 0x00])))} ${hang}`],
  ["clean before its end", `${says(clean)} ${hang}`],
  ["ready in the middle", `${says(ready)} ${hang}`],
  ["idle twice", `${says(idle, idle)} ${hang}`],
  ["a word after idle", `${says(idle, log)} ${hang}`],
  ["half a frame, and death", `${says(Buffer.from([0, 0, 1, 0, 1]))} process.kill(process.pid, "SIGKILL")`],
  ["two ends", says(done, done), "done"],
  ["clean twice", says(done, clean, clean), "done"],
  ["a word after clean", says(done, clean, log), "done"],
  ["an end, and never clean (P4)", `${says(done)} ${hang}`, "done"],
  [
    "an end, and a loop that no signal handler ends",
    `process.on("SIGTERM", () => {}); ${says(done)} for (;;);`,
    "done",
  ],
])("a worker that says %s is killed and replaced", async (_name, code, end = "died") => {
  await using pool = poolOfOne();
  await pool.start();
  await using lease = await pool.lend(applicant, never);
  const { pid } = lease;
  expect(await begin(lease, code)).toMatchObject({ end });
  await lease.release(undefined);
  await using next = await pool.lend(applicant, never);
  expect(next.pid).not.toBe(pid);
  expect(isAlive(pid)).toBe(false);
  expect(await begin(next, "return 1")).toMatchObject({ end: "done" });
});

test("what a worker writes to stderr is read and cut (W9)", async () => {
  await using pool = poolOfOne();
  await pool.start();
  await using lease = await pool.lend(applicant, never);
  const words = 'require("fs").writeSync(2, "x".repeat(10_000))';
  const { end, stderr } = await begin(lease, `${words}; process.kill(process.pid, "SIGKILL")`);
  expect({ end, chars: stderr.length }).toEqual({ end: "died", chars: 4_096 });
});

test("a worker that floods its stderr is killed, long before its CPU time is used up (W9)", async () => {
  await using pool = poolOfOne();
  await pool.start();
  await using lease = await pool.lend(applicant, never);
  const full = "catch {}"; // EAGAIN: the pipe is read by and by
  const { end, stderr } = await begin(lease, `for (;;) try { require("fs").writeSync(2, "x".repeat(4_096)) } ${full}`);
  expect({ end, chars: stderr.length }).toEqual({ end: "died", chars: 4_096 });
});

test("its data segment is limited, whatever V8 counts (W5)", async () => {
  await using pool = poolOfOne();
  await pool.start();
  await using lease = await pool.lend(applicant, never);
  const take = "try { Buffer.alloc(900 * 1024 * 1024) } catch { return } process.kill(process.pid, 'SIGKILL')";
  expect(await begin(lease, take)).toMatchObject({ end: "done" });
});

test("memory that it takes outside of any isolate is seen from outside (W5)", async () => {
  await using pool = poolOfOne();
  await pool.start();
  await using lease = await pool.lend(applicant, never);
  const code = `const kept = []; for (let n = 0; n < 50; n++) kept.push(Buffer.alloc(10 * 1024 * 1024, 1)); ${hang}`;
  expect(await begin(lease, code)).toMatchObject({ end: "resident" });
});

test("CPU time is seen from outside (W4)", async () => {
  await using pool = poolOfOne();
  await pool.start();
  await using lease = await pool.lend(applicant, never);
  expect(await begin(lease, "for (;;);")).toMatchObject({ end: "cpu" });
});

test("a worker that does not move at all is killed with its pool (W7)", async () => {
  await using pool = poolOfOne();
  await pool.start();
  const [pid = 0] = pool.pids;
  process.kill(pid, "SIGSTOP");
  await pool[Symbol.asyncDispose]();
  expect(isAlive(pid)).toBe(false);
});
