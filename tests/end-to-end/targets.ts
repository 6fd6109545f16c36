import { availableParallelism } from "node:os";
import { expect } from "vitest";
import { Certificates } from "../certificates.ts";
import { ChildExecutor } from "../executor-fixture.ts";
import { processesBelow, workersBecome, workersBelow } from "../processes.ts";
import type { Target } from "./cases.ts";

const WORKERS = Math.max(2, availableParallelism()); // as by default

/** What an executor below this process has of a target. */
const local = {
  killWorkers(): void {
    for (const { pid } of workersBelow(process.pid)) process.kill(pid, "SIGKILL");
  },
  whole: () => workersBecome(WORKERS),
};

function expectNothingLeft(): void {
  expect(processesBelow(process.pid).filter(({ command }) => /executor|worker\.cjs/.test(command))).toEqual([]);
}

/** The one that the client starts by itself. */
export async function embedded(): Promise<Target> {
  return { ...local, config: {}, [Symbol.asyncDispose]: async () => expectNothingLeft() };
}

/** A process on a port, that asks its clients for certificates. */
export async function mutualTls(): Promise<Target> {
  const certificates = await Certificates.make();
  const env = { CODEMODE_EXECUTOR_LISTEN: "127.0.0.1:0", CODEMODE_EXECUTOR_WORKERS: String(WORKERS) };
  const executor = await ChildExecutor.start({ ...env, ...certificates.mutualServer });
  const port = executor.address.split(":").at(-1);
  return {
    ...local,
    config: {
      executor: { mode: "remote", url: `https://localhost:${port}`, apiKey: executor.key },
      tls: certificates.client,
    },
    async [Symbol.asyncDispose]() {
      await executor[Symbol.asyncDispose]();
      certificates[Symbol.dispose]();
      expectNothingLeft();
    },
  };
}
