import { randomBytes } from "node:crypto";
import { finished } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type Dockerode from "dockerode";
import type { Container, ContainerInspectInfo } from "dockerode";
import { ConfigError, ExecutorConnectionError, ExecutorTimeoutError } from "../../errors.ts";
import type { Endpoint } from "../source.ts";
import type { StartedExecutor } from "../started.ts";
import { asked, connectEngine, engineError, isMissing, isTaken } from "./engine.ts";
import { tailOf } from "./logs.ts";
import {
  type ContainerOptions,
  containerSpec,
  keyIn,
  LABEL,
  networkSpec,
  PORT,
  SETTINGS_LABEL,
  settingsOf,
} from "./spec.ts";

const LOOK_EVERY_MS = 100;
const STOP_WITHIN_S = 30; // longer than the executor drains

/**
 * The executor in a container of this machine's Docker engine. Found by its name, made when it is not there; whoever made it
 * ends it.
 */
export class ExecutorContainer implements StartedExecutor {
  readonly endpoint: Endpoint;
  readonly #docker: Dockerode;
  readonly #name: string;
  readonly #isOurs: boolean;
  #alive = true;

  private constructor(docker: Dockerode, name: string, endpoint: Endpoint, isOurs: boolean) {
    this.#docker = docker;
    this.#name = name;
    this.endpoint = Object.freeze(endpoint);
    this.#isOurs = isOurs;
  }

  /**
   * Resolves when it answers.
   *
   * @throws {@link ExecutorConnectionError} without an engine, the image or the right to use them, or when the executor does
   * not start; {@link ExecutorTimeoutError} when it takes too long; {@link ConfigError} when one of that name is there that
   * was made by others, or with other settings.
   */
  static async start(options: ContainerOptions): Promise<ExecutorContainer> {
    const docker = await connectEngine();
    const { container, isOurs } = await findOrMake(docker, options);
    try {
      return new ExecutorContainer(docker, options.name, await serving(container, options), isOurs);
    } catch (error) {
      if (isOurs) await removeContainer(docker, options.name);
      throw error;
    }
  }

  get alive(): boolean {
    return this.#alive;
  }

  async exitsWithin(ms: number): Promise<void> {
    const signal = AbortSignal.timeout(ms);
    while (!signal.aborted) {
      this.#alive = (await findContainer(this.#docker, this.#name))?.State.Running ?? false;
      if (!this.#alive) return;
      await sleep(LOOK_EVERY_MS);
    }
  }

  async close(): Promise<void> {
    this.#alive = false;
    if (this.#isOurs) await removeContainer(this.#docker, this.#name);
  }
}

/** The container of this name, made and started when it is not there. */
async function findOrMake(
  docker: Dockerode,
  options: ContainerOptions,
): Promise<{ readonly container: Container; readonly isOurs: boolean }> {
  const { name, image } = options;
  const found = await findContainer(docker, name);
  if (found) {
    checkSettings(found, options);
    if (found.State.Running) return { container: docker.getContainer(name), isOurs: false };
    await removeContainer(docker, name); // a stopped one has a past
  }
  await makeNetwork(docker, name);
  const apiKey = options.apiKey ?? randomBytes(24).toString("base64url");
  try {
    const container = await docker.createContainer(containerSpec(options, apiKey));
    await asked("start the container", container.start());
    return { container, isOurs: true };
  } catch (error) {
    if (isTaken(error)) return findOrMake(docker, options); // another process was first
    await removeNetwork(docker, name);
    if (!isMissing(error)) throw engineError("make the container", error);
    throw new ExecutorConnectionError(
      `Cannot make the container: there is no image "${image}"; build it with "codemode docker build", or name another in executor.image`,
      { cause: error },
    );
  }
}

/** Where the executor answers, once it does, and its key. */
async function serving(container: Container, { startTimeoutMs, name }: ContainerOptions): Promise<Endpoint> {
  const signal = AbortSignal.timeout(startTimeoutMs);
  while (!signal.aborted) {
    const { State, NetworkSettings, Config } = await asked("look at the container", container.inspect());
    if (!State.Running) {
      const said = await tailOf(container);
      throw new ExecutorConnectionError(
        `The executor in the container ended with exit code ${State.ExitCode}\n${said}`,
      );
    }
    const port = NetworkSettings.Ports[PORT]?.[0]?.HostPort;
    if (port !== undefined && (await isHealthy(container))) {
      return { url: `127.0.0.1:${port}`, apiKey: keyIn(Config.Env) };
    }
    await sleep(LOOK_EVERY_MS);
  }
  throw new ExecutorTimeoutError(`The executor in the container "${name}" did not answer within ${startTimeoutMs} ms`);
}

/** As the image's own health check says; Docker asks it too seldom. */
async function isHealthy(container: Container): Promise<boolean> {
  try {
    const check = await container.exec({ Cmd: ["node", "healthcheck.mjs"], AttachStdout: true });
    const output = await check.start({ hijack: true });
    await finished(output.resume(), { writable: false }); // with the check
    return (await check.inspect()).ExitCode === 0;
  } catch {
    return false; // it has just ended, which is seen next
  }
}

function checkSettings({ Config }: ContainerInspectInfo, options: ContainerOptions): void {
  if (Config.Labels[SETTINGS_LABEL] === settingsOf(options)) return;
  throw new ConfigError(
    `Cannot use the container "${options.name}": it was made with another image, key or other settings; run "codemode docker down", or name another in executor.container`,
  );
}

async function makeNetwork(docker: Dockerode, name: string): Promise<void> {
  const networks = await asked("list networks", docker.listNetworks({ filters: { name: [name] } }));
  if (networks.some(({ Name }) => Name === name)) return;
  try {
    await docker.createNetwork(networkSpec(name));
  } catch (error) {
    if (!isTaken(error)) throw engineError("make a network", error); // another process was first
  }
}

/**
 * The container of this name, running or not; undefined when there is none.
 *
 * @throws {@link ConfigError} when it is not one of Codemode's.
 */
export async function findContainer(docker: Dockerode, name: string): Promise<ContainerInspectInfo | undefined> {
  let found: ContainerInspectInfo;
  try {
    found = await docker.getContainer(name).inspect();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw engineError("look at the container", error);
  }
  if (found.Config.Labels[LABEL] === name) return found;
  throw new ConfigError(
    `Cannot use the container "${name}": Codemode has not made it; name another in executor.container`,
  );
}

/** Stops the container of this name and takes it away with its network, as far as they are there. */
export async function removeContainer(docker: Dockerode, name: string): Promise<void> {
  const container = docker.getContainer(name);
  await container.stop({ t: STOP_WITHIN_S }).catch(() => {}); // it has stopped, or never ran
  await container.remove({ force: true }).catch(() => {}); // somebody else does
  await removeNetwork(docker, name);
}

async function removeNetwork(docker: Dockerode, name: string): Promise<void> {
  const network = docker.getNetwork(name);
  await network.remove().catch(() => {}); // it is in use again, or gone
}
