import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempDisposableSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const FILE = fileURLToPath(new URL("../docker-compose.yml", import.meta.url));

/** Runs `docker`, and resolves with what it wrote to stdout. Rejects with all that it wrote when it fails. */
export async function docker(...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)("docker", args)).stdout.trim();
}

/** What a container's executor has logged, line by line. */
export async function logOf(container: string): Promise<string[]> {
  return (await promisify(execFile)("docker", ["logs", container])).stderr.split("\n");
}

/** Executors of docker-compose.yml, in a project of their own. Disposal takes them away, and fails when anything is left. */
export class Composed implements AsyncDisposable {
  readonly project = `codemode-test-${randomBytes(4).toString("hex")}`;
  readonly apiKey = randomBytes(32).toString("hex");
  readonly #folder = mkdtempDisposableSync(join(tmpdir(), "codemode-compose-"));
  readonly #override = join(this.#folder.path, "override.json");

  /** `executor` changes what docker-compose.yml says of the service. */
  constructor(image: string, executor: object = {}) {
    const services = { executor: { ...executor, image, pull_policy: "never" } };
    writeFileSync(this.#override, JSON.stringify({ services })); // which is YAML
  }

  /** Starts `count` of them, or as many as are missing, and resolves when they are healthy. */
  async up(count = 1): Promise<void> {
    await this.#compose("up", "--no-build", "--detach", "--wait", "--no-recreate", "--scale", `executor=${count}`);
  }

  /** Ids of those that run. */
  async running(): Promise<string[]> {
    return (await this.#compose("ps", "--quiet", "executor")).split("\n").filter((id) => id !== "");
  }

  /** Where the one that runs is published. */
  address(): Promise<string> {
    return this.#compose("port", "executor", "8001");
  }

  get network(): string {
    return `${this.project}_executor`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#compose("down", "--volumes", "--remove-orphans");
      const own = ["--quiet", "--filter", `label=com.docker.compose.project=${this.project}`];
      const left = await Promise.all([docker("ps", "--all", ...own), docker("network", "ls", ...own)]);
      if (left.join("") !== "") throw new Error(`Of ${this.project} is left: ${left.join(" ")}`);
    } finally {
      this.#folder.remove();
    }
  }

  async #compose(...args: readonly string[]): Promise<string> {
    const files = ["--file", FILE, "--file", this.#override];
    const env = { ...process.env, CODEMODE_EXECUTOR_API_KEY: this.apiKey, CODEMODE_EXECUTOR_PORT: "0" };
    const run = promisify(execFile);
    return (await run("docker", ["compose", "--project-name", this.project, ...files, ...args], { env })).stdout.trim();
  }
}
