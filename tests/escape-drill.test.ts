import { once } from "node:events";
import { dirname } from "node:path";
import { createRequire } from "node:module";
import { createServer, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch } from "../executor/src/pool/launch.ts";
import { denied, deniedByNetworkPermission, deniedToNobody, SURROUNDINGS } from "./drill/attempts.ts";
import { bundleWorker } from "./drill/drill.ts";
import { WorkerPeer } from "./worker-peer.ts";

// The isolate is taken for broken: programs run with all the rights of a process that was launched as workers are. What
// they can do nevertheless is listed in docs/SECURITY.md.

const isolatedVm = dirname(createRequire(import.meta.resolve("@codemode/executor/main")).resolve("isolated-vm"));
const addon = `${isolatedVm}/prebuilds/linux-x64/isolated-vm.abi${process.versions.modules}.glibc.node`;
const isRoot = process.getuid?.() === 0;

let drill: Awaited<ReturnType<typeof bundleWorker>>;
let peer: WorkerPeer;

beforeAll(async () => {
  drill = await bundleWorker();
  peer = new WorkerPeer(launch({ workerPath: drill.path }));
});

afterAll(async () => {
  await peer[Symbol.asyncDispose]();
  drill[Symbol.dispose]();
});

function greet(socket: Socket): void {
  socket.on("error", () => {}).end("HTTP/1.1 204 No Content\r\n\r\n");
}

/** What `code` came to: its value, or `{ denied }` with the code of its error. */
async function attempt(code: string, constants: Record<string, string | number> = {}): Promise<unknown> {
  const given = Object.entries(constants).map(([name, value]) => `const ${name} = ${JSON.stringify(value)};`);
  return (await peer.run(`${given.join(" ")} ${code}`)).value;
}

test("the drill's worker would tell: what is allowed is done", async () => {
  expect(await attempt("return require('os').platform()")).toBe(process.platform);
  expect(await attempt("throw Object.assign(new Error(), { code: 'E' })")).toEqual({ denied: "E" });
});

test.each(Object.entries(denied))("it cannot %s (W6)", async (_name, code) => {
  const outcome = await attempt(code, { PACKAGES: isolatedVm, ADDON: addon });
  expect(outcome).toEqual({ denied: expect.stringMatching(/^ERR_(ACCESS_DENIED|UNKNOWN_BUILTIN_MODULE)$/) });
});

test("it finds no environment, no descriptor but its own channel, and nothing of its surroundings (W6)", async () => {
  const seen = (await attempt(SURROUNDINGS)) as Record<string, unknown>;
  expect(seen["env"]).toEqual({});
  expect(seen).toMatchObject({ cwd: "/", file: [], folder: [], socket: [2, 3] });
  expect(new Set(seen["device"] as number[]).size).toBe(1); // /dev/null
  expect(seen["argv"]).toEqual([
    process.execPath,
    drill.path,
    expect.stringMatching(/^--heap-mib=/),
    ...(isRoot ? [expect.stringMatching(/^--uid=/)] : []),
  ]);
});

describe.runIf(isRoot)("where the executor is root", () => {
  test("it is nobody", async () => {
    expect(await attempt(SURROUNDINGS)).toMatchObject({ uid: 65_534, groups: [65_534] });
  });

  test.each(Object.entries(deniedToNobody))("it cannot %s", async (_name, code) => {
    expect(await attempt(code)).toEqual({ denied: expect.stringMatching(/^(EPERM|EACCES|ERR_SYSTEM_ERROR)$/) });
  });
});

describe("a network", () => {
  test.each(Object.entries(deniedByNetworkPermission))("%s", async (_name, code) => {
    await using server = createServer(greet).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const outcome = await attempt(code, { PORT: port, SOCKET: "/var/run/docker.sock", TIMEOUT: 5_000 });
    if (process.allowedNodeEnvironmentFlags.has("--allow-net"))
      expect(outcome).toEqual({ denied: "ERR_ACCESS_DENIED" });
    else expect(outcome).not.toEqual({ denied: "ERR_ACCESS_DENIED" }); // a leak of Node 24, in the list
  });
});
