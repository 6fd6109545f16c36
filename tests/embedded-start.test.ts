import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempDisposableSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ExecutorProcess } from "../client/src/sidecar/process.ts";
import { StartedSource } from "../client/src/sidecar/started.ts";
import { loadConfig } from "../executor/src/config/config.ts";
import { startExecutor } from "../executor/src/executor.ts";
import { launch } from "../executor/src/pool/launch.ts";
import { Keep } from "../executor/src/session/keep.ts";
import { Fixture } from "./executor-fixture.ts";

const log = { info: () => {}, warn: () => {} };

/** An executor as it is installed, in a folder of its own. */
function installed(): Disposable & { readonly main: string; readonly gen: string } {
  const folder = mkdtempDisposableSync(join(tmpdir(), "codemode-start-"));
  for (const file of ["package.json", "src/start.cjs", "src/gen"])
    cpSync(join("executor", file), join(folder.path, file), { recursive: true });
  rmSync(join(folder.path, "src/gen/cache"), { recursive: true, force: true });
  symlinkSync(join(import.meta.dirname, "../node_modules"), join(folder.path, "node_modules"));
  const [main, gen] = [join(folder.path, "src/start.cjs"), join(folder.path, "src/gen")];
  return { main, gen, [Symbol.dispose]: () => folder.remove() };
}

function sourceOf(main: string): StartedSource & AsyncDisposable {
  const options = { startTimeoutMs: 10_000, workers: 1, isolation: "isolate", jit: false, logLevel: "error" };
  const source = new StartedSource(async () => ExecutorProcess.start({ ...options, main, onLog: () => {} }));
  return Object.assign(source, { [Symbol.asyncDispose]: () => source.close() });
}

test("a run that comes before the first worker is ready waits for it", async () => {
  const { config } = await loadConfig([], { CODEMODE_EXECUTOR_LISTEN: "127.0.0.1:0", CODEMODE_EXECUTOR_WORKERS: "2" });
  const keep = new Keep();
  const launched: string[] = [];
  const start = () => {
    launched.push(launched.length === 0 ? "never ready" : "worker");
    if (launched.length > 1) return launch();
    return spawn("sleep", ["60"], { stdio: ["ignore", "ignore", "pipe", "pipe"], detached: true });
  };
  const onUnable = (error: Error): never => expect.fail(error.message);
  await using executor = new Fixture(await startExecutor(config, log, { keep, launch: start, onUnable }), [], "", keep);
  const { pool } = executor.executor;
  expect([pool.idle, pool.isAble]).toEqual([0, false]);
  expect(await executor.run("return 6 * 7")).toMatchObject({ value: 42 });
  expect(pool.isAble).toBe(true);
  expect(launched.slice(0, 2)).toEqual(["never ready", "worker"]);
});

test("an embedded executor that finds out later that no worker can start says so to whoever goes on with it", async () => {
  using broken = installed();
  rmSync(join(broken.gen, "worker.cjs"));
  await using source = sourceOf(broken.main);
  const [endpoint] = await source.endpoints();
  const next = async () => {
    while (true) {
      await source.endpoints();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await expect(next()).rejects.toThrow(
    /^Cannot start the embedded executor: Cannot start a worker process: [^]*worker\.cjs/,
  );
  expect((await source.endpoints())[0]).not.toBe(endpoint); // a new one: it may be a better day
});

test("an executor keeps what was compiled beside its code, and starts without where it cannot", async () => {
  using it = installed();
  const cache = join(it.gen, "cache");
  await using source = sourceOf(it.main);
  await source.endpoints();
  await source.close();
  expect(existsSync(cache)).toBe(true);
  rmSync(cache, { recursive: true });
  cpSync("package.json", cache); // a file in the way, since root may write everywhere
  await using other = sourceOf(it.main);
  expect(await other.endpoints()).toHaveLength(1);
});
