import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Budgets, RunErrorType, toDuration } from "@codemode/proto";
import { launch } from "../executor/src/pool/launch.ts";
import { mayRunAgain } from "../executor/src/pool/recycling.ts";
import { hasUser } from "../executor/src/pool/user.ts";
import { ChildExecutor, connect, isAlive, startInProcess, Stream } from "./executor-fixture.ts";
import { WorkerPeer } from "./worker-peer.ts";

// What holds for every worker process, as the system shows it from outside. The rules that are about what a worker does
// to others are in hostile-worker.test.ts, those about what it can reach in escape-drill.test.ts.

const MIB = 1024 * 1024;
const main = fileURLToPath(new URL("../executor/src/main.ts", import.meta.url));
const isRoot = process.getuid?.() === 0;

function proc(pid: number, name: string): string {
  return readFileSync(`/proc/${pid}/${name}`, "latin1");
}

/** A field of /proc/<pid>/status. */
function status(pid: number, field: string): string[] {
  return new RegExp(`^${field}:[ \\t]*(.*)$`, "m").exec(proc(pid, "status"))?.[1]?.split(/\s+/) ?? [];
}

/** A worker that has run a program, and its process id. */
async function warm(options = {}): Promise<{ pid: number; peer: WorkerPeer }> {
  const child = launch(options);
  const peer = new WorkerPeer(child);
  expect((await peer.run("return 1")).value).toBe(1);
  return { pid: child.pid ?? 0, peer };
}

test("a worker is another process than the edge, without its environment, in no folder of ours (W2, W6)", async () => {
  const { pid, peer } = await warm();
  await using _ = peer;
  expect(proc(pid, "environ")).toBe("");
  expect(readlinkSync(`/proc/${pid}/cwd`)).toBe("/");
});

const fatal = {
  "a size that V8 takes for impossible": "return 'x'.repeat(2 ** 28 + 1).split('').length",
  "a Map that V8 cannot make larger": "const all = new Map(); for (let n = 0; ; n++) all.set(n, n)",
};

test.each(Object.entries(fatal))("%s ends as the program's, and its worker with it (W8)", async (_, code) => {
  await using executor = await startInProcess();
  const { pool } = executor.executor;
  const [worker] = pool.pids;
  const budgets = { ...Budgets.decode(Buffer.alloc(0)), wallTime: toDuration(60_000), cpuTime: toDuration(30_000) };
  const { error } = await executor.run(code, { budgets });
  expect(error?.type).toBe(RunErrorType.RUN_ERROR_TYPE_MEMORY_LIMIT);
  await expect.poll(() => isAlive(worker!)).toBe(false);
  expect(await executor.run("return 1")).toMatchObject({ value: 1 });
});

test("its flags leave out the JIT, the addons of others and what gets around the permission model (W10)", async () => {
  const { pid, peer } = await warm();
  await using _ = peer;
  const flags = proc(pid, "cmdline").split("\0");
  const expected = [
    "--no-node-snapshot",
    "--jitless",
    "--max-old-space-size=128",
    "--disable-proto=delete",
    "--permission",
  ];
  expect(flags).toEqual(expect.arrayContaining([...expected, "--no-experimental-sqlite"]));
  expect(
    flags.filter((flag) => /inspect|NODE_OPTIONS|--allow-(child|worker|wasi|net|fs-write|inspector|ffi)/.test(flag)),
  ).toEqual([]);
  expect(flags.filter((flag) => flag.startsWith("--allow-fs-read") && /=\/?\*?$/.test(flag))).toEqual([]);
});

test("no memory of it can be written and run, but with a JIT (W10)", async () => {
  const writableCode = (pid: number) => proc(pid, "maps").match(/^\S+ rwx/gm)?.length ?? 0;
  const plain = await warm();
  expect(writableCode(plain.pid)).toBe(0);
  await plain.peer[Symbol.asyncDispose]();
  const jit = await warm({ jit: true });
  expect(writableCode(jit.pid)).toBeGreaterThan(0);
  await jit.peer[Symbol.asyncDispose]();
});

test("the kernel limits its data segment, its CPU time and its core, and takes it first (W4, W5, W12)", async () => {
  const { pid, peer } = await warm();
  await using _ = peer;
  const limits = proc(pid, "limits");
  expect(limits).toMatch(new RegExp(`^Max data size +${600 * MIB} +${600 * MIB} `, "m"));
  expect(limits).toMatch(/^Max cpu time +180 +180 /m);
  expect(limits).toMatch(/^Max core file size +0 +0 /m);
  expect(proc(pid, "oom_score_adj").trim()).toBe("1000");
});

test("it needs no more threads than a limit of 16 for each worker has room for (W11)", async () => {
  const { pid, peer } = await warm();
  await using _ = peer;
  expect(Number(status(pid, "Threads")[0])).toBeLessThanOrEqual(16);
});

test.runIf(isRoot)("where the executor is root, it is nobody, without capabilities, for good (W6)", async () => {
  const { pid, peer } = await warm();
  await using _ = peer;
  expect(status(pid, "Uid")).toEqual(Array(4).fill("65534"));
  expect(status(pid, "Gid")).toEqual(Array(4).fill("65534"));
  expect(status(pid, "Groups").join("")).toBe("");
  for (const set of ["CapEff", "CapPrm", "CapInh", "CapAmb"]) expect(status(pid, set)).toEqual(["0000000000000000"]);
});

test("a user namespace without nobody is told by its map", () => {
  expect(hasUser("         0          0 4294967295\n", 65_534)).toBe(true);
  expect(hasUser("         0       1000          1\n", 65_534)).toBe(false);
  expect(hasUser("0 1000 1\n1 100000 65536\n", 65_534)).toBe(true);
});

test.runIf(isRoot)("root without the means to become nobody is told so", async () => {
  const drop = [
    "--bounding-set=-setuid,-setgid",
    "--inh-caps=-setuid,-setgid",
    process.execPath,
    main,
    "--listen",
    "127.0.0.1:0",
  ];
  const child = spawn("setpriv", drop, { stdio: ["ignore", "ignore", "pipe"], env: { PATH: process.env["PATH"] } });
  const lines: string[] = [];
  createInterface(child.stderr).on("line", (line) => lines.push(line));
  expect(await once(child, "close")).toEqual([78, null]);
  expect(lines.join("\n")).toMatch(
    /root needs SETUID, SETGID and KILL to let them run as user 65534; run it as another user/,
  );
});

test("a descriptor that the executor was started with is not its workers' (W6)", async () => {
  const script = `exec 100</dev/zero; exec "$0" "$1" --listen 127.0.0.1:0`;
  const child = spawn("bash", ["-c", script, process.execPath, main], { stdio: ["ignore", "ignore", "pipe"] });
  for await (const line of createInterface(child.stderr)) if (line.includes("listens on")) break;
  const workers = proc(child.pid ?? 0, `task/${child.pid}/children`)
    .trim()
    .split(" ");
  expect(workers).not.toEqual([""]);
  for (const pid of workers) expect(readdirSync(`/proc/${pid}/fd`)).not.toContain("100");
  child.kill();
  await once(child, "exit");
});

test("a signal does not open the debugger of the edge, which a worker of its user could reach", async () => {
  await using executor = await ChildExecutor.start();
  const said: string[] = [];
  createInterface(executor.child.stderr as NodeJS.ReadableStream).on("line", (line) => said.push(line));
  executor.child.kill("SIGUSR1");
  const client = connect(executor.address);
  await using stream = new Stream(client, executor.key);
  expect(await stream.run("return 1", {}, {})).toMatchObject({ value: 1 });
  client.close();
  executor.child.kill("SIGTERM");
  await executor.exited;
  expect(said.filter((line) => /debugger/i.test(line))).toEqual([]);
});

test("a result that comes after the CPU time is over is an error, and its worker is gone (W3, W4)", async () => {
  await using executor = await startInProcess();
  const { pool } = executor.executor;
  const [pid] = pool.pids;
  const budgets = { wallTime: toDuration(60_000), waitTime: undefined, cpuTime: toDuration(200) };
  const { error } = await executor.run("const n = 3n ** 20_000_000n; return n > 0n", { budgets });
  expect(error?.type).toBe(RunErrorType.RUN_ERROR_TYPE_CPU_LIMIT);
  expect(await executor.run("return 2")).toMatchObject({ value: 2 });
  expect(pool.pids).not.toContain(pid);
});

test("a worker is replaced after 100 runs (W3)", async () => {
  await using executor = await startInProcess();
  const { pool } = executor.executor;
  const [pid] = pool.pids;
  for (let n = 1; n <= 100; n++) {
    expect(pool.pids).toEqual([pid]);
    await executor.run("return 1");
  }
  expect(await executor.run("return 2")).toMatchObject({ value: 2 });
  expect(pool.pids).not.toContain(pid);
});

test("a worker is replaced after every end that may have left something behind, for its age and its use (W3)", () => {
  const young = { runs: 1, ageMs: 1_000, cpuMs: 100 };
  const ends = Object.entries(RunErrorType).filter(([, type]) => !mayRunAgain(type, young));
  const bad = ends.map(([name]) => name.slice("RUN_ERROR_TYPE_".length));
  expect(bad).toEqual(expect.arrayContaining(["TIMEOUT", "CPU_LIMIT", "MEMORY_LIMIT", "OUTPUT_LIMIT", "CRASHED"]));
  expect(mayRunAgain(undefined, young)).toBe(true);
  expect(mayRunAgain(undefined, { ...young, runs: 100 })).toBe(false);
  expect(mayRunAgain(undefined, { ...young, ageMs: 600_000 })).toBe(false);
  expect(mayRunAgain(undefined, { ...young, cpuMs: 60_000 })).toBe(false);
});
