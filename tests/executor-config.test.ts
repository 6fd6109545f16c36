import { once } from "node:events";
import { mkdtempDisposableSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Metadata } from "@grpc/grpc-js";
import { Budgets, toDuration } from "@codemode/proto";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { readEnvironment as readClientsEnvironment } from "../client/src/config/environment.ts";
import { keys as clientKeys } from "../client/src/config/schema.ts";
import { loadConfig } from "../executor/src/config/config.ts";
import { unknownVariables } from "../executor/src/config/environment.ts";
import { type Name, names, variableOf } from "../executor/src/config/settings.ts";
import { Certificates } from "./certificates.ts";
import { ChildExecutor, type Fixture, isAlive, startInProcess, Stream } from "./executor-fixture.ts";
import { rawSession } from "./raw-grpc.ts";
import { runCommand } from "./setup/command.ts";

const OK = 0;

/** A configuration file that is gone with the test, with a file of a key and one of keys beside it. */
function configFile(yaml: string): Disposable & { readonly path: string; readonly folder: string } {
  const made = mkdtempDisposableSync(join(tmpdir(), "cm-"));
  const { path: folder } = made;
  const path = join(folder, "executor.yaml");
  writeFileSync(path, yaml);
  writeFileSync(join(folder, "key"), "right\n");
  writeFileSync(join(folder, "keys.yaml"), "keys: [{ id: a, key: right }]");
  return { path, folder, [Symbol.dispose]: () => made.remove() };
}

type Look = (yaml: string) => Promise<unknown>;

/** Looks at an executor in this process. */
const inProcess =
  (look: (executor: Fixture) => unknown): Look =>
  async (yaml) => {
    using file = configFile(yaml);
    await using executor = await startInProcess({ CODEMODE_EXECUTOR_CONFIG: file.path });
    return await look(executor);
  };

/** Looks at an executor that is a process of its own. */
const inChild =
  (look: (executor: ChildExecutor) => unknown): Look =>
  async (yaml) => {
    using file = configFile(yaml);
    await using executor = await ChildExecutor.start({ CODEMODE_EXECUTOR_CONFIG: file.path });
    return await look(executor);
  };

async function statusOf({ client }: Fixture, key?: string): Promise<number> {
  await using stream = new Stream(client, key);
  stream.start("return 1");
  stream.call.resume();
  return (await stream.status).code;
}

const isGuarded = inProcess(async (it) => (await statusOf(it)) !== OK && (await statusOf(it, "right")) === OK);

/** Whether a run waits for a worker that another one uses up its CPU time on. */
const waitsForAnother = inProcess(async (it) => {
  await using busy = it.open();
  const budgets = { ...Budgets.decode(Buffer.alloc(0)), cpuTime: toDuration(300) };
  busy.start("for (;;);", { budgets });
  await busy.next("accepted");
  busy.call.resume();
  return (await statusOf(it)) === OK;
});

const reflects = inProcess(async ({ client }) => {
  const path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  const asIs = (bytes: Buffer): Buffer => bytes;
  const call = client.makeBidiStreamRequest(path, asIs, asIs, new Metadata());
  call.on("error", () => {}); // `status` tells
  call.resume().end();
  const { code } = await new Promise<{ code: number }>((resolve) => call.once("status", resolve));
  return code === OK;
});

const drainTime = inChild(async (it) => {
  it.child.kill("SIGTERM");
  await it.exited;
  const line = it.lines.find((text) => text.includes("draining")) ?? "{}";
  return (JSON.parse(line) as { drainTimeoutMs?: number }).drainTimeoutMs;
});

const keepsItsWorker = inProcess(async (it) => {
  const [first = 0] = it.executor.pool.pids;
  await it.run("return 1");
  await it.run("return 2");
  return isAlive(first);
});

/** Whether a connection is soon asked to end. */
const endsConnections = inProcess(async ({ executor }) => {
  const session = rawSession(executor.address);
  const isAsked = await Promise.race([once(session, "goaway").then(() => true), sleep(500, false)]);
  session.destroy();
  return isAsked;
});

/** Every key but those of TLS, which have tls.test.ts: how it is written, what it changes, and what was without it. */
const cases: Readonly<
  Record<Exclude<Name, `tls${string}`> | "keys", readonly [yaml: string, look: Look, is: unknown, was: unknown]>
> = {
  listen: ["'[::1]:0'", inProcess(({ executor }) => executor.address.startsWith("[::1]:")), true, false],
  adminListen: ["127.0.0.1:0", inProcess(({ executor }) => executor.adminAddress !== undefined), true, false],
  apiKey: ["right", isGuarded, true, false],
  apiKeyFile: ["key", isGuarded, true, false],
  apiKeysFile: ["keys.yaml", isGuarded, true, false],
  keys: ["[{ id: a, key: right }]", isGuarded, true, false],
  workers: ["3", inProcess(({ executor }) => executor.pool.size), 3, 1],
  queue: ["0", waitsForAnother, false, true],
  queueTimeoutMs: ["1ms", waitsForAnother, false, true],
  isolation: ["process", keepsItsWorker, false, true],
  jit: ["true", inProcess(({ executor }) => commandOf(executor.pool.pids[0]).includes("--jitless")), false, true],
  reflection: ["false", reflects, false, true],
  logLevel: ["error", inChild(({ lines }) => lines.length > 0), false, true],
  drainTimeoutMs: ["2s", drainTime, 2_000, 25_000],
  connectionMaxAgeMs: ["100ms", endsConnections, true, false],
  connectionMaxIdleMs: ["100ms", endsConnections, true, false],
};

function commandOf(pid = 0): string {
  return readFileSync(`/proc/${pid}/cmdline`, "latin1");
}

test.each(Object.entries(cases))("%s changes what an executor does", async (key, [yaml, look, is, was]) => {
  expect(await look("")).toEqual(was);
  expect(await look(`${key}: ${yaml}`)).toEqual(is);
});

test.each(Object.entries(cases).filter(([key]) => key !== "keys"))(
  "%s is read from its variable as from a file",
  async (key, [yaml]) => {
    using file = configFile(`${key}: ${yaml}`);
    const text = String(parse(yaml));
    const variable = variableOf(key as Name);
    const env = { [variable]: key.endsWith("File") ? join(file.folder, text) : text };
    const { config } = await loadConfig(["--config", file.path], {});
    expect(await loadConfig([], env)).toMatchObject({ config, warnings: [] });
    expect((await loadConfig([], { [`${variable}Z`]: text })).warnings).toEqual([
      `${variable}Z: unknown variable, did you mean ${variable}?`,
    ]);
  },
);

test("the files of TLS are found from the folder of the file that names them", async () => {
  using certificates = await Certificates.make();
  const names = "tlsCertFile: server.pem\ntlsKeyFile: server-key.pem\ntlsClientCaFile: ca.pem";
  const { tls } = (await loadConfig(["--config", certificates.write("executor", names)], {})).config;
  const [cert, key, ca] = [certificates.path("server"), certificates.path("server-key"), certificates.path("ca")];
  expect(tls).toMatchObject({ identity: { cert: { path: cert }, key: { path: key } }, ca: { path: ca } });
});

describe("of several places", () => {
  test("arguments win over YAML, that over the environment, that over the default, key by key", async () => {
    using file = configFile("listen: 127.0.0.1:2\nqueue: 5\nworkers: 6\n");
    const env = {
      CODEMODE_EXECUTOR_LISTEN: "127.0.0.1:3",
      CODEMODE_EXECUTOR_WORKERS: "7",
      CODEMODE_EXECUTOR_JIT: "true",
      CODEMODE_EXECUTOR_ISOLATION: "",
    };
    const { config, explained } = await loadConfig(["--config", file.path, "--listen", "127.0.0.1:1"], env);
    expect(config).toMatchObject({ listen: { port: 1 }, queue: 5, workers: 6, jit: true, isolation: "isolate" });
    const told = Object.fromEntries(explained.map(({ path, value, source }) => [path, [value, source]]));
    expect(told).toMatchObject({
      listen: ["127.0.0.1:1", "--listen"],
      queue: [5, `${file.path}:2:8`],
      workers: [6, `${file.path}:3:10`],
      jit: [true, "CODEMODE_EXECUTOR_JIT"],
      isolation: ["isolate", "default"],
    });
  });

  test("--config wins over its variable", async () => {
    using named = configFile("workers: 5");
    using file = configFile("workers: 6");
    const { config } = await loadConfig(["--config", file.path], { CODEMODE_EXECUTOR_CONFIG: named.path });
    expect(config.workers).toBe(6);
  });

  test("a key may come from one alone", async () => {
    using file = configFile("keys: [{ id: a, key: hush }]");
    const both = () => loadConfig(["--config", file.path], { CODEMODE_EXECUTOR_API_KEY: "hush" });
    await expect(both()).rejects.toThrow(`CODEMODE_EXECUTOR_API_KEY and ${file.path}:1:1: keys are both set: keep one`);
  });
});

describe("a file", () => {
  test("has its variables filled in, value by value", async () => {
    using file = configFile(
      'workers: ${WORKERS}\nqueue: ${QUEUE:-9}\njit: ${JIT}\napiKey: "${KEY}"\nlogLevel: ${EMPTY:-}\n',
    );
    const env = { WORKERS: "3", JIT: "true", KEY: "12\nworkers: 4".replace("\n", "_").replace(" ", "_") };
    const { config } = await loadConfig(["--config", file.path], env);
    expect(config).toMatchObject({ workers: 3, queue: 9, jit: true, logLevel: "info" });
    expect(config.apiKeys).toHaveLength(1);
  });

  test("may have no values at all", async () => {
    using file = configFile("# nothing\n");
    using empty = configFile("workers:\nkeys:\n");
    expect((await loadConfig(["--config", file.path], {})).config.queue).toBe(4_096);
    await expect(loadConfig(["--config", empty.path], {})).rejects.toThrow(`${empty.path}:2:1: keys: `);
  });

  test.each([
    ["wokers: 4", "1:1: wokers: unknown key, did you mean workers?"],
    ["tools: 4", "1:1: tools: unknown key; there are listen, adminListen, "],
    ["workers: many", '1:10: workers: expected a whole number from 1 to 1024, received "many"'],
    ["workers: 30_000", '1:10: workers: expected a whole number from 1 to 1024, received "30_000"'],
    ["workers: 0", "1:10: workers: expected a whole number from 1 to 1024, received 0"],
    ["workers: [1]", "1:10: workers: expected a whole number from 1 to 1024, received a list"],
    ["jit: yes", '1:6: jit: expected true or false, received "yes"'],
    ["isolation: proces", "1:12: isolation: expected one of isolate, process"],
    ["isolation: proces", ", did you mean process?"],
    ["queueTimeoutMs: 2h", "1:17: queueTimeoutMs: expected milliseconds or a duration such as 30s, from 1ms to 60m"],
    ["listen: 8001", "1:9: listen: expected host:port or unix:path, received 8001"],
    ["adminListen: unix:/x", "1:14: adminListen: expected host:port"],
    ["apiKey: hush hush", "1:9: apiKey: expected at most 505 characters of printable ASCII without spaces"],
    ["apiKey: 4711", " (write it in quotes)"],
    ["apiKeyFile: nowhere", "1:13: apiKeyFile: cannot read "],
    ["tlsCertFile: nowhere", "CODEMODE_EXECUTOR_TLS_KEY_FILE: it is needed beside "],
    ["workers: ${NOBODY}", "1:10: NOBODY is not set; ${NOBODY:-…} gives a default"],
    ["workers: ${HUSH}", "1:10: workers: expected a whole number from 1 to 1024"],
    ["keys: [{ id: a, key: hush, wieght: 2 }]", "1:28: keys[0].wieght: unknown key, did you mean weight?"],
    ["- workers", "1:1: keys such as workers: and listen: are needed"],
    ["workers: 4\nworkers: 5", "2:1: Map keys must be unique"],
    ["workers: [", "1:"],
  ])("is refused with the place, and without a secret: %j", async (yaml, problem) => {
    using file = configFile(yaml);
    const load = () => loadConfig(["--config", file.path], { HUSH: "hush" });
    await expect(load()).rejects.toThrow(
      problem.startsWith("1:") || problem.startsWith("2:") ? `${file.path}:${problem}` : problem,
    );
    await expect(load()).rejects.not.toThrow(/hush|4711/);
  });

  test("is told with all its problems at once, and those of the environment", async () => {
    using file = configFile("wokers: 4\nqueue: x\n");
    const load = () => loadConfig(["--config", file.path], { CODEMODE_EXECUTOR_JIT: "perhaps" });
    await expect(load()).rejects.toThrow(/:1:1: wokers: [^\n]+\n[^]*:2:8: queue: /);
    await expect(load()).rejects.toThrow('CODEMODE_EXECUTOR_JIT: expected true or false, received "perhaps"');
  });

  test("must be there", async () => {
    await expect(loadConfig(["--config", "/nowhere.yaml"], {})).rejects.toThrow(
      '--config: cannot read "/nowhere.yaml" (ENOENT)',
    );
    await expect(loadConfig([], { CODEMODE_EXECUTOR_CONFIG: "/nowhere.yaml" })).rejects.toThrow(
      "CODEMODE_EXECUTOR_CONFIG: ",
    );
  });
});

describe("a variable that nobody reads", () => {
  test("is told, with the one that was probably meant", async () => {
    const env = { CODEMODE_EXECUTOR_WORKER: "3", CODEMODE_EXECUTOR_NONSENSE_OF_MINE: "1", CODEMODE_RUN_CPU_MS: "5" };
    expect((await loadConfig([], env)).warnings).toEqual([
      "CODEMODE_EXECUTOR_WORKER: unknown variable, did you mean CODEMODE_EXECUTOR_WORKERS?",
      "CODEMODE_EXECUTOR_NONSENSE_OF_MINE: unknown variable, it changes nothing",
    ]);
  });

  test("is none of the client's for the executor, and none of the executor's for the client", async () => {
    const ofClient = [...clientKeys.values()].filter(({ section }) => section === "executor");
    const clients = ofClient.map(({ variable }) => [variable, "1"]);
    expect(unknownVariables(Object.fromEntries(clients) as Record<string, string>)).toEqual([]);
    const executors = [...names.map(variableOf), "CODEMODE_EXECUTOR_CONFIG"].map((variable) => [variable, ""]);
    expect(readClientsEnvironment(Object.fromEntries(executors) as Record<string, string>).warnings).toEqual([]);
  });

  test("is in the log of an executor that starts all the same", async () => {
    await using executor = await ChildExecutor.start({ CODEMODE_EXECUTOR_WORKER: "3" });
    expect(executor.lines.join("\n")).toContain("did you mean CODEMODE_EXECUTOR_WORKERS?");
  });
});

test("a parent is told by its lifeline what is wrong with a configuration", async () => {
  const started = ChildExecutor.start({ CODEMODE_EXECUTOR_WORKERS: "many" });
  await expect(started).rejects.toThrow("CODEMODE_EXECUTOR_WORKERS: expected a whole number from 1 to 1024");
});

describe("codemode executor --print-config", () => {
  test("prints every key, its value and its source, and no secret", async () => {
    using file = configFile("queue: 5\nkeys:\n  - { id: checkout, key: hush }\n  - { id: batch, key: hush2 }\n");
    const env = { CODEMODE_EXECUTOR_WORKERS: "3", CODEMODE_EXECUTOR_QEUE: "1" };
    const args = ["executor", "--config", "executor.yaml", "--listen", "127.0.0.1:0", "--print-config"];
    const { exitCode, stdout, stderr } = await runCommand(file.folder, args, { env });
    expect(stdout).toMatch(/^listen +127\.0\.0\.1:0 +--listen$/m);
    expect(stdout).toMatch(/^workers +3 +CODEMODE_EXECUTOR_WORKERS$/m);
    expect(stdout).toMatch(/^queue +5 +executor\.yaml:1:8$/m);
    expect(stdout).toMatch(/^keys +checkout, batch +executor\.yaml:2:1$/m);
    expect(stdout).toMatch(/^adminListen +- +default$/m);
    expect(stdout.trimEnd().split("\n")).toHaveLength(names.length + 1);
    expect(stdout).not.toContain("hush");
    expect(stderr).toBe("warning: CODEMODE_EXECUTOR_QEUE: unknown variable, did you mean CODEMODE_EXECUTOR_QUEUE?\n");
    expect(exitCode).toBe(0);
  });

  test("masks the key, and fails as a start would", async () => {
    using file = configFile("");
    const { stdout } = await runCommand(file.folder, ["executor", "--print-config"], {
      env: { CODEMODE_EXECUTOR_API_KEY: "hush" },
    });
    expect(stdout).toMatch(/^apiKey +\*\*\* +CODEMODE_EXECUTOR_API_KEY$/m);
    writeFileSync(file.path, "wokers: 3");
    const args = ["executor", "--config", "executor.yaml", "--print-config"];
    expect(await runCommand(file.folder, args)).toEqual({
      exitCode: 78,
      stdout: "",
      stderr: "Cannot start the executor: executor.yaml:1:1: wokers: unknown key, did you mean workers?\n",
    });
  });
});
