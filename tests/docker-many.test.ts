import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { expect, inject, test } from "vitest";
import { Composed, docker, logOf } from "./composed.ts";
import type { Ran } from "./many/ran.ts";

/** The app of ./many, in a container: Docker tells names to nobody else. Disposal ends it. */
class App implements AsyncDisposable {
  readonly runs: Ran[] = [];
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(file: string, { project, network, apiKey }: Composed) {
    this.#name = `${project}-app`;
    const env = {
      CODEMODE_EXECUTOR_URL: "dns:///executor:8001",
      CODEMODE_EXECUTOR_API_KEY: apiKey,
      CODEMODE_EXECUTOR_ALLOW_INSECURE_KEY: "true",
    };
    const variables = Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
    const options = ["--rm", "--init", "--name", this.#name, "--network", network, ...variables];
    const command = ["--volume", `${file}:/app/app.mjs:ro`, "--entrypoint", "node", inject("image"), "/app/app.mjs"];
    this.#process = spawn("docker", ["run", ...options, ...command], { stdio: ["ignore", "pipe", "inherit"] });
    this.#exited = once(this.#process, "exit");
    const lines = createInterface({ input: this.#process.stdout as Readable });
    lines.on("line", (line) => this.runs.push(JSON.parse(line) as Ran));
  }

  /** Resolves when so many more of its runs have ended; a time-out of the test bounds it. */
  async hasRun(more: number): Promise<void> {
    const wanted = this.runs.length + more;
    while (this.runs.length < wanted) {
      if (this.#process.exitCode !== null)
        throw new Error(`The app has ended with exit code ${this.#process.exitCode}`);
      await sleep(50);
    }
  }

  /** Lets the runs under way end. */
  async end(): Promise<void> {
    await docker("stop", "--time", "60", this.#name);
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await docker("rm", "--force", this.#name).catch(() => {}); // it has ended
    await this.#exited;
  }
}

/** The app with its client as one file. What is spoken on the wire the image has. */
async function bundled(into: string): Promise<string> {
  const input = fileURLToPath(new URL("many/app.ts", import.meta.url));
  const made = await rolldown({ input, platform: "node", external: [/^node:/, "@grpc/grpc-js", "dockerode"] });
  await made.write({ file: into, format: "esm", codeSplitting: false });
  await made.close();
  return into;
}

/** When a container has logged a line with `text` for the first time, in milliseconds. */
async function loggedAt(id: string, text: string): Promise<number | undefined> {
  const line = (await logOf(id)).find((one) => one.includes(text));
  return line === undefined ? undefined : Date.parse((JSON.parse(line) as { time: string }).time);
}

test("executors behind a name are killed, drained and added, and no run notices", async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), "codemode-many-"));
  await using executors = new Composed(inject("image"), { environment: { CODEMODE_EXECUTOR_WORKERS: "2" } });
  const [file] = await Promise.all([bundled(join(folder.path, "app.mjs")), executors.up(3)]);
  await using app = new App(file, executors);
  await app.hasRun(50);
  const first = await executors.running();
  for (const id of first) expect(await loggedAt(id, "run ended")).toBeDefined();
  const [killed = "", drained = "", kept = ""] = first;

  await docker("kill", killed);
  await app.hasRun(50);

  const before = performance.now();
  await docker("stop", "--time", "30", drained);
  expect(performance.now() - before).toBeLessThan(25_000); // else it would have been cut off by its own drain time
  expect(await docker("inspect", "--format", "{{.State.ExitCode}} {{.State.OOMKilled}}", drained)).toBe("0 false");
  await app.hasRun(50);

  await docker("rm", killed, drained);
  await executors.up(2);
  const added = (await executors.running()).find((id) => id !== kept) ?? "";
  while ((await loggedAt(added, "run ended")) === undefined) await sleep(100);
  const idleMs = (await loggedAt(added, "run ended"))! - (await loggedAt(added, '"msg":"listening"'))!;
  await app.hasRun(50);
  await app.end();

  expect(app.runs.filter(({ problem }) => problem !== undefined)).toEqual([]);
  expect(app.runs.at(-1)?.repeated).toBe(0);
  expect(app.runs.some(({ attempts }) => attempts > 1)).toBe(true); // else nobody was disturbed
  expect(idleMs).toBeLessThan(5_000);
});
