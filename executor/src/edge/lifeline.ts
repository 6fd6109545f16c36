import { Socket } from "node:net";
import { CodemodeError } from "@codemode/proto";
import { z } from "zod";

const MAX_LINE_BYTES = 4096;
const greeting = z.strictObject({ apiKey: z.string().optional() });

/**
 * The pipe to the process that this one lives and dies with. The parent speaks first, with the key: on a pipe it shows
 * neither in a process list nor in an environment. When the parent goes, however it goes, the kernel ends the pipe.
 */
export class Lifeline {
  readonly #pipe: Socket;

  constructor(fd: number, onEnd: () => void) {
    this.#pipe = new Socket({ fd, readable: true, writable: true });
    this.#pipe.on("error", () => {}); // "close" follows
    this.#pipe.once("close", onEnd);
    this.#pipe.once("end", onEnd);
  }

  /** The key in the parent's one line; undefined when it leaves it to the environment. */
  async apiKey(): Promise<string | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    let text = "";
    const read = (chunk: Buffer): void => {
      text += chunk.toString("utf8");
      const end = text.indexOf("\n");
      if (end >= 0) resolve(text.slice(0, end));
      else if (text.length > MAX_LINE_BYTES)
        reject(new CodemodeError("INVALID_CONFIG", "--lifeline: its first line is too long"));
    };
    this.#pipe.on("data", read); // stays, so that the end is seen
    const parsed = greeting.safeParse(parseJson(await promise));
    if (!parsed.success) throw new CodemodeError("INVALID_CONFIG", `--lifeline: its first line is not {"apiKey": …}`);
    return parsed.data.apiKey;
  }

  /** Tells the parent one thing, and resolves when it is written. */
  tell(message: { listening: string; executorId: string } | { error: string }): Promise<void> {
    return new Promise((resolve) => this.#pipe.write(`${JSON.stringify(message)}\n`, () => resolve()));
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
