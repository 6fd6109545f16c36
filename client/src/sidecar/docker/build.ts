import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { ConfigError, ExecutorConnectionError } from "../../errors.ts";
import { asked, connectEngine } from "./engine.ts";

const DOCKERFILE = "Dockerfile.executor";

/** One line of progress as an engine tells it. */
interface Progress {
  readonly stream?: string;
  readonly error?: string;
}

/** What the types of dockerode do not know yet. */
interface ReadsBuildKit {
  followProgress(
    stream: NodeJS.ReadableStream,
    onFinished: (error: Error | null) => void,
    onProgress: (progress: Progress) => void,
  ): void;
}

/**
 * Builds the executor's image under the name `tag`, from the nearest folder upward that has a Dockerfile.executor. Every
 * line of progress goes to `onLine`.
 *
 * @throws {@link ConfigError} when there is none; {@link ExecutorConnectionError} when the build fails.
 */
export async function buildImage(tag: string, from: string, onLine: (line: string) => void): Promise<void> {
  const context = contextOf(resolve(from));
  const docker = await connectEngine();
  // BuildKit: else the stages before the last stay behind, of a gigabyte without a name.
  const sent = docker.buildImage({ context, src: ["."] }, { t: tag, dockerfile: DOCKERFILE, version: "2" });
  const stream = await asked("build the image", sent);
  let failed: string | undefined;
  await new Promise<void>((done, fail) => {
    (docker as unknown as ReadsBuildKit).followProgress(
      stream,
      (error) => (error ? fail(error) : done()),
      ({ stream: text, error }: Progress) => {
        failed ??= error;
        if (text?.trim()) onLine(readable(text.trimEnd()));
      },
    );
  }).catch((error: unknown) => (failed ??= (error as Error).message));
  if (failed !== undefined) throw new ExecutorConnectionError(`Cannot build the image "${tag}": ${failed}`);
}

/** dockerode 5 hands on as it comes, in base64, what a step has printed. */
function readable(line: string): string {
  const bytes = Buffer.from(line, "base64");
  return bytes.toString("base64") === line ? bytes.toString("utf8").trimEnd() : line;
}

function contextOf(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, DOCKERFILE))) return at;
    if (dirname(at) === at)
      throw new ConfigError(`Cannot build an image: there is no ${DOCKERFILE} in ${folder} or above`);
  }
}
