import { loadClientConfig } from "../config/index.ts";
import { containerOptions } from "../resources.ts";
import {
  buildImage,
  connectEngine,
  type ContainerOptions,
  ExecutorContainer,
  findContainer,
  removeContainer,
  tailOf,
} from "../sidecar/docker/index.ts";
import { ExitCode } from "./exit-codes.ts";
import { note, print, printable } from "./print.ts";

/** Options of every `codemode docker` command. */
export interface DockerOptions {
  readonly config?: string;
}

/** `codemode docker up`: starts the container of the configuration and leaves it running. */
export async function up(options: DockerOptions): Promise<number> {
  const { endpoint } = await ExecutorContainer.start(optionsOf(options));
  await print(`${endpoint.url}\n`);
  return ExitCode.ok;
}

/** `codemode docker status`: one line a fact. Fails when the container does not run. */
export async function status(options: DockerOptions): Promise<number> {
  const { name } = optionsOf(options);
  const found = await findContainer(await connectEngine(), name);
  const { State, Config } = found ?? {};
  await print(`container ${name}\nstate ${State?.Status ?? "absent"}\n`);
  if (Config) await print(`image ${Config.Image}\nstarted ${State?.StartedAt}\n`);
  return State?.Running ? ExitCode.ok : ExitCode.unreachable;
}

/** `codemode docker logs`: the last lines that the executor wrote. */
export async function logs({ lines, ...options }: DockerOptions & { readonly lines: number }): Promise<number> {
  const { name } = optionsOf(options);
  const docker = await connectEngine();
  if (!(await findContainer(docker, name))) return absent(name);
  const text = await tailOf(docker.getContainer(name), lines);
  if (text !== "") await print(`${printable(text)}\n`);
  return ExitCode.ok;
}

/** `codemode docker down`: stops the container, takes it away with its network, and touches no other. */
export async function down(options: DockerOptions): Promise<number> {
  const { name } = optionsOf(options);
  const docker = await connectEngine();
  if (!(await findContainer(docker, name))) return absent(name);
  await removeContainer(docker, name);
  return ExitCode.ok;
}

/** `codemode docker build`: makes the image of the configuration. */
export async function build({ context, ...options }: DockerOptions & { readonly context: string }): Promise<number> {
  const { image } = optionsOf(options);
  await buildImage(image, context, (line) => note(printable(line)));
  await print(`${image}\n`);
  return ExitCode.ok;
}

function optionsOf({ config }: DockerOptions): ContainerOptions {
  return containerOptions(loadClientConfig({ configPath: config }).config);
}

function absent(name: string): number {
  note(`codemode: there is no container "${name}"`);
  return ExitCode.unreachable;
}
