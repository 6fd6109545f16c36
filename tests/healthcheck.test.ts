import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Certificates } from "./certificates.ts";
import { startInProcess } from "./executor-fixture.ts";

const script = fileURLToPath(new URL("../executor/healthcheck.mjs", import.meta.url));

let certificates: Certificates;
let foreign: Certificates;
beforeAll(async () => {
  [certificates, foreign] = await Promise.all([Certificates.make(), Certificates.make()]);
});
afterAll(() => [certificates, foreign].forEach((one) => one[Symbol.dispose]()));

/** The check in the environment of an executor, as a container has it. */
function check(env: Record<string, string>): Promise<{ exitCode: number; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [script], { env }, (_error, _stdout, stderr) =>
      resolve({ exitCode: child.exitCode ?? -1, stderr }),
    );
  });
}

/** What the check says of an executor with these variables, before and while it drains. */
async function checked(env: Record<string, string>, checkedWith = env) {
  await using executor = await startInProcess(env);
  const listen = { CODEMODE_EXECUTOR_LISTEN: executor.executor.address };
  const serving = await check({ ...checkedWith, ...listen });
  await executor.executor.drain(0);
  return [serving, await check({ ...checkedWith, ...listen })];
}

const healthy = { exitCode: 0, stderr: "" };
const draining = { exitCode: 1, stderr: expect.stringContaining("is not serving") };

test("an executor is healthy until it drains: on a port, on a socket, with TLS, with client certificates", async () => {
  const socket = certificates.path("socket").replace("pem", "sock");
  for (const env of [
    {},
    { CODEMODE_EXECUTOR_LISTEN: `unix:${socket}` },
    certificates.server,
    certificates.mutualServer,
  ]) {
    expect(await checked(env)).toEqual([healthy, draining]);
  }
});

test("an executor that is not there, or takes its own certificate for no client's, is not healthy, and it is told why", async () => {
  const gone = await check({ CODEMODE_EXECUTOR_LISTEN: "127.0.0.1:9" });
  expect(gone).toEqual({ exitCode: 1, stderr: expect.stringContaining("ECONNREFUSED") });
  const env = { ...certificates.server, CODEMODE_EXECUTOR_TLS_CLIENT_CA_FILE: foreign.path("ca") };
  const [refused] = await checked(env);
  expect(refused).toEqual({ exitCode: 1, stderr: expect.stringContaining("needs clientAuth") });
});
