import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { Codemode, ComponentRegistry, ExecutorAuthError, ExecutorConnectionError } from "@codemode/client";
import { expect, test } from "vitest";
import { endToEnd } from "./end-to-end/cases.ts";
import { embedded, mutualTls } from "./end-to-end/targets.ts";
import { ChildExecutor } from "./executor-fixture.ts";
import { gone, processesBelow } from "./processes.ts";

const registry = new ComponentRegistry();

endToEnd("embedded", embedded);
endToEnd("with TLS and client certificates", mutualTls);

test("a wrong key executes nothing", async () => {
  await using executor = await ChildExecutor.start();
  for (const apiKey of ["wrong", undefined]) {
    await using client = Codemode.fromClientConfig({
      registry,
      config: { executor: { mode: "remote", url: executor.address, ...(apiKey === undefined ? {} : { apiKey }) } },
    });
    await expect(client.execute("return 1")).rejects.toThrow(ExecutorAuthError);
  }
});

test("an executor that is not there is named, after the configured attempts", async () => {
  await using client = Codemode.fromClientConfig({
    registry,
    config: { executor: { mode: "remote", url: "127.0.0.1:9" }, retry: { maxAttempts: 2, baseMs: 10 } },
  });
  const failure = client.execute("return 1");
  await expect(failure).rejects.toThrow(ExecutorConnectionError);
  await expect(failure).rejects.toThrow(/127\.0\.0\.1:9.*2 attempts/);
});

test("the embedded executor and its workers die with a killed app", async () => {
  const app = spawn(process.execPath, [new URL("killed-app.ts", import.meta.url).pathname], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: app.stdout });
  await once(lines, "line");
  const below = processesBelow(app.pid as number).map(({ pid }) => pid);
  expect(below.length).toBeGreaterThan(2);
  const command = processesBelow(app.pid as number).find(({ command: text }) => text.includes("--listen"))?.command;
  const socket = /unix:(\S+)/.exec(command ?? "")?.[1] as string;
  expect(existsSync(socket)).toBe(true);
  app.kill("SIGKILL");
  await gone(below);
  expect(existsSync(dirname(socket))).toBe(false);
}, 20_000);
