import { execFile, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempDisposableSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Codemode, ComponentRegistry } from "@codemode/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connecting, denied, SURROUNDINGS } from "./drill/attempts.ts";
import { bundle } from "./drill/drill.ts";

const project = `codemode-test-${randomBytes(4).toString("hex")}`;
const installed = "/app/node_modules/@codemode/executor";
const apiKey = randomBytes(32).toString("hex");

afterAll(() => void compose("down", "--volumes", "--rmi", "local"));

describe("the executor of docker-compose.yml", () => {
  let url: string;

  // --wait returns when the image's own HEALTHCHECK says so.
  beforeAll(() => {
    compose("up", "--build", "--detach", "--wait");
    url = compose("port", "executor", "8001");
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

  test("holds no capability", () => {
    expect(inside("grep", "CapBnd", "/proc/1/status").stdout.split("\t")[1]?.trim()).toBe("0000000000000000");
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
    drill = (programs) => {
      const run = ["node", "/tmp/in-container.mjs", installed, "/tmp/worker.mjs"];
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
    const outcomes = drill([
      reaching({ host: "1.1.1.1", port: 443 }),
      reaching({ host: "169.254.169.254", port: 80 }),
      reaching({ host: "2606:4700:4700::1111", port: 443 }),
      `return await require("dns").promises.lookup("example.com")`,
      `const resolver = new (require("dns").promises.Resolver)({ timeout: 2_000, tries: 1 }); return await resolver.resolve("example.com")`,
    ]);
    for (const outcome of outcomes) expect(outcome).toEqual({ denied: expect.any(String) });
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

test("docker stop ends an executor with an open run by itself, once the drain time is over", async () => {
  const name = `${project}-stop`;
  const settings = ["DRAIN_TIMEOUT_MS=1000", `API_KEY=${apiKey}`, "WORKERS=1"];
  const env = settings.flatMap((setting) => ["--env", `CODEMODE_EXECUTOR_${setting}`]);
  const started = docker(
    "run",
    "--detach",
    "--init",
    "--name",
    name,
    ...env,
    "--publish",
    "127.0.0.1::8001",
    `${project}-executor`,
  );
  expect(started.stderr).toBe("");
  try {
    const url = docker("port", name, "8001").stdout.trim();
    const asked = Promise.withResolvers<void>();
    const registry = new ComponentRegistry();
    registry.registerTool("hang", { description: "", execute: () => (asked.resolve(), new Promise(() => {})) });
    await using codemode = Codemode.fromClientConfig({
      registry,
      config: { executor: { mode: "remote", url, apiKey }, retry: { maxAttempts: 10, baseMs: 500 } },
    });
    const outcome = codemode.execute("await tools.hang({})").catch((error: unknown) => error);
    await asked.promise;
    await promisify(execFile)("docker", ["stop", "--time", "30", name]);
    const { ExitCode, OOMKilled } = (JSON.parse(docker("inspect", name).stdout) as [Inspected])[0].State;
    expect({ ExitCode, OOMKilled }).toEqual({ ExitCode: 0, OOMKilled: false }); // 137 had it been killed
    expect(docker("logs", name).stderr).toMatch(/"outcome":"CLOSED".*"run ended"/);
    await codemode.close();
    await outcome;
  } finally {
    docker("rm", "--force", name);
  }
});

test("the image refuses to start without a key", () => {
  const { status, stderr } = docker("run", "--rm", "--label", `project=${project}`, `${project}-executor`);
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
  readonly State: { readonly ExitCode: number; readonly OOMKilled: boolean };
  readonly HostConfig: { readonly Dns: readonly string[]; readonly PidsLimit: number };
}

function inspected(): Inspected {
  return (JSON.parse(docker("inspect", container()).stdout) as [Inspected])[0];
}

function container(): string {
  return compose("ps", "--quiet", "executor");
}

function compose(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync("docker", ["compose", "--project-name", project, ...args], {
    encoding: "utf8",
    env: { ...process.env, CODEMODE_EXECUTOR_API_KEY: apiKey, CODEMODE_EXECUTOR_PORT: "0" },
  });
  if (status !== 0) throw new Error(`docker compose ${args.join(" ")} failed:\n${stderr}`);
  return stdout.trim();
}
