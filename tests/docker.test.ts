import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { Codemode, ComponentRegistry } from "@codemode/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const project = `codemode-test-${randomBytes(4).toString("hex")}`;
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

  test("holds no capability", () => {
    expect(inside("grep", "CapBnd", "/proc/1/status").stdout.split("\t")[1]?.trim()).toBe("0000000000000000");
  });

  test("tells Docker when it is not serving", () => {
    expect(inside("node", "healthcheck.mjs").status).toBe(0);
    expect(inside("env", "CODEMODE_EXECUTOR_LISTEN=0.0.0.0:9", "node", "healthcheck.mjs").status).toBe(1);
  });
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
  return docker("exec", compose("ps", "--quiet", "executor"), ...args);
}

function compose(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync("docker", ["compose", "--project-name", project, ...args], {
    encoding: "utf8",
    env: { ...process.env, CODEMODE_EXECUTOR_API_KEY: apiKey, CODEMODE_EXECUTOR_PORT: "0" },
  });
  if (status !== 0) throw new Error(`docker compose ${args.join(" ")} failed:\n${stderr}`);
  return stdout.trim();
}
