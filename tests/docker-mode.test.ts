import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempDisposableSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ClientConfigInput, Codemode, ComponentRegistry } from "@codemode/client";
import { afterAll, beforeAll, expect, test } from "vitest";

// executor.mode: docker, and `codemode docker`, against a real engine.

const id = `codemode-test-${randomBytes(4).toString("hex")}`;
const image = `${id}:latest`;
const command = fileURLToPath(new URL("../client/bin/codemode.js", import.meta.url));

beforeAll(() => {
  const built = codemode({}, "docker", "build");
  if (built.status !== 0) throw new Error(built.stderr);
});
afterAll(() => void docker("rmi", "--force", image));

/** A client whose container has a name of its own. */
function open(container: string, executor: ClientConfigInput["executor"] = {}, registry = new ComponentRegistry()) {
  return Codemode.fromClientConfig({
    registry,
    config: { executor: { mode: "docker", image, container, workers: 1, startTimeoutMs: 60_000, ...executor } },
  });
}

test("a client starts a container that can do little, and takes it away", async () => {
  const name = `${id}-alone`;
  await using client = open(name);
  expect((await client.execute("return 6 * 7")).unwrap()).toBe(42);
  const [{ HostConfig, NetworkSettings, Config }] = JSON.parse(docker("inspect", name).stdout) as [Inspected];
  expect(HostConfig).toMatchObject({
    ReadonlyRootfs: true,
    CapDrop: ["ALL"],
    SecurityOpt: ["no-new-privileges:true"],
    PidsLimit: 256,
    Dns: ["127.0.0.1"],
    Memory: 2_147_483_648,
    MemorySwap: 2_147_483_648,
    Init: true,
  });
  expect(NetworkSettings.Ports["8001/tcp"]).toMatchObject([{ HostIp: "127.0.0.1" }]);
  expect(Config.User).toBe("65532:65532");
  expect(docker("exec", name, "sh", "-c", "echo x > /app/x").stderr).toMatch(/Read-only file system/);
  await client.close();
  expect([docker("inspect", name).status, docker("network", "inspect", name).status]).toEqual([1, 1]);
});

test("a run goes on in a new container when its own is killed, and no handler is called twice", async () => {
  const name = `${id}-killed`;
  const registry = new ComponentRegistry();
  const called: string[] = [];
  registry.registerTool("kill", {
    description: "Kills the executor that asks for it",
    execute: (_input, { idempotencyKey }) => {
      called.push(idempotencyKey);
      docker("kill", name);
      return called.length;
    },
  });
  await using client = open(name, {}, registry);
  const outcome = await client.execute("return await tools.kill()");
  expect(outcome).toMatchObject({ error: null, value: 1, attempts: 2 });
  expect(called).toHaveLength(1);
});

test("executor.container: one that was there before is shared, and left there", async () => {
  const name = `${id}-shared`;
  const env = { CODEMODE_EXECUTOR_CONTAINER: name };
  const { stdout, status, stderr } = codemode(env, "docker", "up");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/^127\.0\.0\.1:\d+\n$/);
  for (const client of [open(name), open(name)]) {
    expect((await client.execute("return 1")).unwrap()).toBe(1);
    await client.close();
  }
  expect(codemode(env, "docker", "status")).toMatchObject({
    status: 0,
    stdout: expect.stringContaining("state running"),
  });
  expect(codemode(env, "docker", "logs").stdout).toMatch(/listens on/);

  await using other = open(name, { workers: 2 });
  await expect(other.execute("return 1")).rejects.toThrow(/made with another image, key or other settings/);

  expect(codemode(env, "docker", "down")).toMatchObject({ status: 0, stderr: "" });
  expect(codemode(env, "docker", "status")).toMatchObject({
    status: 69,
    stdout: expect.stringContaining("state absent"),
  });
});

test("a container that Codemode has not made is left alone", async () => {
  const name = `${id}-foreign`;
  docker("run", "--detach", "--name", name, "--entrypoint", "sleep", image, "600");
  try {
    await using client = open(name);
    await expect(client.execute("return 1")).rejects.toThrow(/Codemode has not made it/);
    const env = { CODEMODE_EXECUTOR_CONTAINER: name };
    expect(codemode(env, "docker", "down")).toMatchObject({
      status: 78,
      stderr: expect.stringMatching(/has not made it/),
    });
    expect(docker("inspect", name).status).toBe(0);
  } finally {
    docker("rm", "--force", name);
  }
});

test("executor.image: one that is not there, and one that ends at once, say what to do", async () => {
  await using missing = open(`${id}-missing`, { image: `${id}-missing` });
  await expect(missing.execute("return 1")).rejects.toThrow(/build it with "codemode docker build"/);
  await using wrong = open(`${id}-wrong`, { image: "node:24-bookworm-slim" }); // which the other was built from
  await expect(wrong.execute("return 1")).rejects.toThrow(/The executor in the container ended with exit code 0/);
  expect(docker("network", "ls", "--quiet", "--filter", `name=${id}`).stdout).toBe("");
});

test("codemode docker build shows what its steps print, and fails with what fails", () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), "codemode-build-"));
  writeFileSync(
    join(folder.path, "Dockerfile.executor"),
    "FROM node:24-bookworm-slim\nRUN echo something was wrong; false\n",
  );
  const built = codemode({ CODEMODE_EXECUTOR_IMAGE: `${id}-bad` }, "docker", "build", "--context", folder.path);
  expect(built.status).toBe(69);
  expect(built.stderr).toMatch(/^something was wrong$/m);
  expect(built.stderr).toMatch(/Cannot build the image "codemode-test-\w+-bad": .*exit code: 1/);
});

test("a key of one's own is the container's", async () => {
  const name = `${id}-key`;
  const apiKey = randomBytes(32).toString("hex");
  await using client = open(name, { apiKey });
  expect((await client.execute("return 1")).unwrap()).toBe(1);
  const url = `127.0.0.1:${docker("port", name, "8001").stdout.trim().split(":").at(-1)}`;
  const remote = (key: string) =>
    Codemode.fromClientConfig({
      config: { executor: { mode: "remote", url, apiKey: key }, retry: { enabled: false } },
    });
  await using stranger = remote("x".repeat(64));
  await expect(stranger.execute("return 1")).rejects.toThrow(/refused the API key/);
  await using friend = remote(apiKey);
  expect((await friend.execute("return 1")).unwrap()).toBe(1);
});

interface Inspected {
  readonly HostConfig: object;
  readonly NetworkSettings: { readonly Ports: Record<string, object[]> };
  readonly Config: { readonly User: string };
}

function docker(...args: string[]) {
  return spawnSync("docker", args, { encoding: "utf8" });
}

function codemode(env: Record<string, string>, ...args: string[]) {
  const settings = { CODEMODE_EXECUTOR_MODE: "docker", CODEMODE_EXECUTOR_IMAGE: image, CODEMODE_EXECUTOR_WORKERS: "1" };
  return spawnSync(process.execPath, [command, ...args], {
    encoding: "utf8",
    env: { ...process.env, ...settings, CODEMODE_EXECUTOR_START_TIMEOUT_MS: "60000", ...env },
  });
}
