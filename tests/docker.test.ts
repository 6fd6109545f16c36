import { execFile, execFileSync, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempDisposableSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Codemode, ComponentRegistry } from "@codemode/client";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { connecting, denied, SURROUNDINGS } from "./drill/attempts.ts";
import { bundle } from "./drill/drill.ts";

const project = `codemode-test-${randomBytes(4).toString("hex")}`;
let apiKey = randomBytes(32).toString("hex");

afterAll(() => void compose("down", "--volumes", "--rmi", "local"));

describe("the executor of docker-compose.yml", () => {
  let url: string;
  /** As the README starts it, and runs a program; --wait returns when the image's own HEALTHCHECK says so. */
  const [setKey = "", up = "", run = ""] = ofReadme("sh", "docker compose up").split("\n");

  beforeAll(() => {
    apiKey = shell(`${setKey}; ${up} >&2; echo $CODEMODE_EXECUTOR_API_KEY`, environment());
    url = compose("port", "executor", "8001");
  });

  test("runs a program by the README's command", () => {
    using folder = mkdtempDisposableSync(join(tmpdir(), "codemode-readme-"));
    const program = join(folder.path, "program.js");
    writeFileSync(program, "return 6 * 7");
    const command = run.replace("127.0.0.1:8001", url).replace("program.js", program);
    expect(command).toContain(url);
    expect(shell(command, environment())).toBe("42");
  });

  test("is what the README's first example runs on, when the environment says so", () => {
    const example = ofReadme("ts", 'registerTool("add"');
    const told = "console.log(outcome.status, outcome.value, (await codemode.health()).address)";
    const address = { CODEMODE_EXECUTOR_URL: url, CODEMODE_EXECUTOR_API_KEY: apiKey };
    const command = "node --input-type=module-typescript -";
    expect(shell(command, address, `${example}\n${told}`)).toBe(`ok 42 ${url}`);
  });

  test("is published on the loopback address alone", () => {
    expect(url).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  test("runs a program that calls a tool of the app", async () => {
    const registry = new ComponentRegistry();
    registry.registerTool("add", {
      description: "Adds two numbers",
      inputSchema: {
        type: "object",
        properties: { a: { type: "number" }, b: { type: "number" } },
        required: ["a", "b"],
      },
      execute: (input) => {
        const { a, b } = input as { a: number; b: number };
        return a + b;
      },
    });
    await using codemode = Codemode.fromClientConfig({
      registry,
      config: { executor: { mode: "remote", url, apiKey } },
    });
    const outcome = await codemode.execute("return await tools.add({ a: 40, b: 2 })");
    expect(outcome).toMatchObject({ status: "ok", value: 42, calls: [{ name: "add", state: "succeeded" }] });
  });

  test("runs as nobody in particular", () => {
    expect(inside("id", "-u").stdout.trim()).toBe("65532");
  });

  test("cannot write to its own disk, nor run what it writes to /tmp", () => {
    const write = inside("sh", "-c", "echo x > /app/x");
    expect(write.status).not.toBe(0);
    expect(write.stderr).toMatch(/Read-only file system/);
    const execute = inside("sh", "-c", "cp /bin/true /tmp/x && /tmp/x");
    expect(execute.status).not.toBe(0);
    expect(execute.stderr).toMatch(/Permission denied/);
  });

  test("has room for the threads of its workers (W11)", () => {
    const { Config, HostConfig } = inspected();
    const workers = Number(
      Config.Env.find((variable) => variable.startsWith("CODEMODE_EXECUTOR_WORKERS="))?.split("=")[1],
    );
    expect(HostConfig.PidsLimit).toBeGreaterThanOrEqual(2 * workers * 16 + 32);
  });

  test("holds no capability, gets none by any program, and has not every call of the kernel", () => {
    const status = inside("cat", "/proc/1/status").stdout;
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
      expect(status).toMatch(`${set}:\t${"0".repeat(16)}\n`);
    expect(status).toMatch("NoNewPrivs:\t1\n");
    expect(status).toMatch("Seccomp:\t2\n");
    expect(inside("mount", "-t", "tmpfs", "none", "/mnt").status).not.toBe(0);
    expect(docker("exec", "--user", "0", container(), "chown", "1", "/tmp").stderr).toMatch(/not permitted/); // not even for root
  });

  test("has no route out of its network", () => {
    const reach = `const socket = require("net").connect({ host: "1.1.1.1", port: 443, timeout: 3_000 });
      for (const event of ["connect", "timeout", "error"]) socket.once(event, () => (console.log(event), process.exit()));`;
    expect(inside("node", "--eval", reach).stdout.trim()).toMatch(/^(?:timeout|error)$/);
  });

  test("has room for no more than so many processes, and goes on when there was none", async () => {
    const { PidsLimit } = inspected().HostConfig;
    const fork = `for n in $(seq ${PidsLimit}); do sleep 3 & done`;
    expect(inside("sh", "-c", fork).stderr).toMatch(/Cannot fork/);
    expect(await answers(url)).toBe(42);
    while (/sleep/.test(docker("top", container()).stdout)) await sleep(100);
  });

  test("has no more memory than it is given, and goes on when that was too little", async () => {
    const { Memory, MemorySwap } = inspected().HostConfig;
    expect(MemorySwap).toBe(Memory);
    const fill = `const all = []; for (;;) all.push(Buffer.alloc(64 << 20, 1)) > ${(1.5 * Memory) / (64 << 20)} && process.exit()`;
    expect(inside("node", "--eval", fill).status).toBe(137);
    expect(await answers(url)).toBe(42);
  });

  test("tells how it is on a port that is reached from inside alone", () => {
    const ask = (path: string) => `fetch("http://127.0.0.1:9464${path}").then((answer) => console.log(answer.status))`;
    for (const path of ["/healthz", "/readyz", "/metrics"]) {
      expect(inside("node", "--eval", ask(path)).stdout.trim()).toBe("200");
    }
    const { NetworkSettings } = inspected();
    expect(NetworkSettings.Ports["9464/tcp"] ?? null).toBeNull();
  });

  test("says what it was made from", () => {
    const labels = inspected().Config.Labels;
    const wanted = ["title", "description", "licenses", "source", "version", "base.name"];
    for (const name of wanted) expect(labels[`org.opencontainers.image.${name}`]).toMatch(/./);
    expect(labels["org.opencontainers.image.base.name"]).toBe("node:24-bookworm-slim");
  });

  test("tells Docker when it is not serving", () => {
    expect(inside("node", "healthcheck.mjs").status).toBe(0);
    expect(inside("env", "CODEMODE_EXECUTOR_LISTEN=0.0.0.0:9", "node", "healthcheck.mjs").status).toBe(1);
  });
});

describe("a worker that broke out of its isolate, in that container", () => {
  let drill: (programs: readonly string[]) => unknown[];

  beforeAll(async () => {
    using folder = mkdtempDisposableSync(join(tmpdir(), "codemode-drill-"));
    for (const name of ["in-container", "worker"]) {
      const file = join(folder.path, `${name}.mjs`);
      await bundle(`${name}.ts`, file);
      const { status, stderr } = insideWith(readFileSync(file), "sh", "-c", `cat > /tmp/${name}.mjs`);
      if (status !== 0) throw new Error(stderr);
    }
    // From where it is, it is to find the native packages that a worker may read.
    const { status, stderr } = insideWith("", "ln", "-s", "/app/node_modules", "/tmp/node_modules");
    if (status !== 0) throw new Error(stderr);
    drill = (programs) => {
      const run = ["node", "/tmp/in-container.mjs", "/tmp/worker.mjs"];
      const { status, stdout, stderr } = insideWith(JSON.stringify(programs), ...run);
      if (status !== 0) throw new Error(stderr);
      return JSON.parse(stdout) as unknown[];
    };
  });

  test("can do no more than on a machine", () => {
    const given = `const PACKAGES = "/app/node_modules", ADDON = "/app/node_modules/isolated-vm/prebuilds/x.node";`;
    const outcomes = drill(Object.values(denied).map((code) => given + code));
    for (const [index, name] of Object.keys(denied).entries()) {
      const access = { denied: expect.stringMatching(/^ERR_(ACCESS_DENIED|UNKNOWN_BUILTIN_MODULE)$/) };
      expect({ [name]: outcomes[index] }).toEqual({ [name]: access });
    }
  });

  test("finds no environment, no key and no descriptor but its own", () => {
    const [seen] = drill([SURROUNDINGS]) as [Record<string, unknown>];
    expect(seen["env"]).toEqual({});
    expect(seen).toMatchObject({ uid: 65_532, file: [], folder: [], socket: [2, 3] });
    expect(JSON.stringify(seen)).not.toContain(apiKey);
  });

  // Node 24 has no permission for the network: this is what is left to Docker.
  test("finds no way out to a network, and no name", () => {
    const attempts = [
      reaching({ host: "1.1.1.1", port: 443 }),
      reaching({ host: "169.254.169.254", port: 80 }),
      reaching({ host: "2606:4700:4700::1111", port: 443 }),
      `return await require("dns").promises.lookup("example.com")`,
      `const resolver = new (require("dns").promises.Resolver)({ timeout: 2_000, tries: 1 }); return await resolver.resolve("example.com")`,
    ];
    const atOnce = attempts.map((code) => `(async () => { ${code} })().then(() => "got out", () => "denied")`);
    expect(drill([`return await Promise.all([${atOnce.join()}])`])).toEqual([attempts.map(() => "denied")]);
    expect(inspected().HostConfig.Dns).toEqual(["127.0.0.1"]); // so that Docker asks nobody on its behalf
  });

  test("reaches the port of the edge on the loopback, and is nobody there", () => {
    const call = `const session = require("http2").connect("http://127.0.0.1:8001");
      const call = session.request({ ":method": "POST", ":path": "/codemode.v1.ExecutorService/GetInfo", "content-type": "application/grpc", te: "trailers" });
      call.end(Buffer.alloc(5));
      const [headers] = await require("events").once(call, "response");
      session.destroy(); return headers["grpc-status"]`;
    expect(drill([call])).toEqual(["16"]); // UNAUTHENTICATED
  });
});

function reaching(where: { host: string; port: number }): string {
  return `const TIMEOUT = 3_000; ${connecting(JSON.stringify(where))}; return "connected"`;
}

/** A container with an open run that ends by itself only in the `drainTimeoutMs` of its executor. */
async function withOpenRun(drainTimeoutMs: number) {
  const name = `${project}-${drainTimeoutMs}`;
  const settings = [`DRAIN_TIMEOUT_MS=${drainTimeoutMs}`, `API_KEY=${apiKey}`, "WORKERS=1"];
  const env = settings.flatMap((setting) => ["--env", `CODEMODE_EXECUTOR_${setting}`]);
  const options = ["--detach", "--init", "--name", name, ...env, "--publish", "127.0.0.1::8001"];
  const started = docker("run", ...options, inject("image"));
  expect(started.stderr).toBe("");
  const url = docker("port", name, "8001").stdout.trim();
  const asked = Promise.withResolvers<void>();
  const registry = new ComponentRegistry();
  registry.registerTool("hang", { description: "", execute: () => (asked.resolve(), new Promise(() => {})) });
  const codemode = Codemode.fromClientConfig({
    registry,
    config: { executor: { mode: "remote", url, apiKey }, retry: { maxAttempts: 10, baseMs: 500 } },
  });
  const outcome = codemode.execute("await tools.hang({})").catch((error: unknown) => error);
  await asked.promise;
  return {
    name,
    log: () => docker("logs", name).stderr,
    state: () => (JSON.parse(docker("inspect", name).stdout) as [Inspected])[0].State,
    async [Symbol.asyncDispose]() {
      await codemode.close();
      await outcome;
      docker("rm", "--force", name);
    },
  };
}

test("docker stop ends an executor with an open run by itself, once the drain time is over", async () => {
  await using it = await withOpenRun(1_000);
  const before = performance.now();
  await promisify(execFile)("docker", ["stop", "--time", "30", it.name]);
  expect(performance.now() - before).toBeGreaterThan(1_000);
  expect(it.state()).toMatchObject({ ExitCode: 0, OOMKilled: false }); // 137 had it been killed
  expect(it.log()).toMatch(/"outcome":"CLOSED".*"run ended"/);
});

test("a second SIGTERM ends a container at once", async () => {
  await using it = await withOpenRun(60_000);
  const log = spawn("docker", ["logs", "--follow", it.name], { stdio: ["ignore", "ignore", "pipe"] });
  const draining = new Promise<void>((resolve) =>
    log.stderr.on("data", (text) => /draining/.test(String(text)) && resolve()),
  );
  docker("kill", "--signal", "TERM", it.name);
  await draining;
  const before = performance.now();
  docker("kill", "--signal", "TERM", it.name);
  await once(log, "exit"); // with the container
  expect(performance.now() - before).toBeLessThan(5_000);
  expect(it.state()).toMatchObject({ Running: false, ExitCode: 0 });
});

test("the image refuses to start without a key", () => {
  const { status, stderr } = docker("run", "--rm", "--label", `project=${project}`, inject("image"));
  expect(stderr).toMatch(/CODEMODE_EXECUTOR_API_KEY/);
  expect(status).toBe(78);
});

test("docker compose refuses to start without a key", () => {
  const { status, stderr } = docker("compose", "--project-name", project, "config", "--quiet");
  expect(stderr).toMatch(/CODEMODE_EXECUTOR_API_KEY/);
  expect(status).not.toBe(0);
});

function docker(...args: string[]) {
  return spawnSync("docker", args, { encoding: "utf8" });
}

function inside(...args: string[]) {
  return docker("exec", container(), ...args);
}

function insideWith(input: string | Buffer, ...args: string[]) {
  return spawnSync("docker", ["exec", "--interactive", container(), ...args], { input, encoding: "utf8" });
}

interface Inspected {
  readonly Config: { readonly Env: readonly string[]; readonly Labels: Readonly<Record<string, string>> };
  readonly NetworkSettings: { readonly Ports: Readonly<Record<string, unknown>> };
  readonly State: { readonly Running: boolean; readonly ExitCode: number; readonly OOMKilled: boolean };
  readonly HostConfig: {
    readonly Dns: readonly string[];
    readonly PidsLimit: number;
    readonly Memory: number;
    readonly MemorySwap: number;
  };
}

function inspected(): Inspected {
  return (JSON.parse(docker("inspect", container()).stdout) as [Inspected])[0];
}

function container(): string {
  return compose("ps", "--quiet", "executor");
}

/** The value of a program that is run at `url`. */
async function answers(url: string): Promise<unknown> {
  const retry = { maxAttempts: 10, maxMs: 1_000 }; // while the kernel ends processes, workers may be among them
  await using codemode = Codemode.fromClientConfig({ config: { executor: { mode: "remote", url, apiKey }, retry } });
  return (await codemode.execute("return 6 * 7")).unwrap();
}

/** The block of the README in `language` that has `text` in it. */
function ofReadme(language: string, text: string): string {
  const readme = readFileSync("README.md", "utf8");
  const blocks = [...readme.matchAll(/^```(\w+)\n([^]*?)\n```$/gm)];
  const [, , block] = blocks.find(([, is, holds]) => is === language && holds?.includes(text)) ?? [];
  if (block === undefined) throw new Error(`The README has no ${language} with ${text}`);
  return block;
}

/** Runs what the README tells people to type, at the root of the repository. */
function shell(command: string, env: Record<string, string>, input = ""): string {
  return execFileSync("bash", ["-euc", command], { env: { ...process.env, ...env }, input, encoding: "utf8" }).trim();
}

function environment(): Record<string, string> {
  return { COMPOSE_PROJECT_NAME: project, CODEMODE_EXECUTOR_API_KEY: apiKey, CODEMODE_EXECUTOR_PORT: "0" };
}

function compose(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync("docker", ["compose", ...args], {
    encoding: "utf8",
    env: { ...process.env, ...environment() },
  });
  if (status !== 0) throw new Error(`docker compose ${args.join(" ")} failed:\n${stderr}`);
  return stdout.trim();
}
