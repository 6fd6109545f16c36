import { Socket } from "node:net";
import { CodemodeError } from "@codemode/proto";

const MAX_LINE_BYTES = 4096;
type Told = { readonly listening: string; readonly executorId: string } | { readonly error: string };

/**
 * The pipe to the process that this one lives and dies with. The parent speaks first, with the key: on a pipe it shows
 * neither in a process list nor in an environment. When the parent goes, however it goes, the kernel ends the pipe.
 */
export class Lifeline {
  readonly #pipe: Socket;
  readonly #greeting: Promise<string>;

  constructor(fd: number, onEnd: () => void) {
    this.#pipe = new Socket({ fd, readable: true, writable: true });
    this.#greeting = this.#read();
    this.#greeting.catch(() => {}); // whoever asks for it is told
    this.#pipe.on("error", () => {}); // "close" follows
    this.#pipe.once("close", onEnd);
    this.#pipe.once("end", onEnd);
  }

  /** The key in the parent's one line; undefined when it leaves it to the environment. */
  async apiKey(): Promise<string | undefined> {
    const greeting = parseJson(await this.#greeting);
    if (!isGreeting(greeting))
      throw new CodemodeError("INVALID_CONFIG", `--lifeline: its first line is not {"apiKey": …}`);
    return greeting.apiKey;
  }

  /** Tells the parent one thing, and resolves when it is written. */
  tell(message: Told): Promise<void> {
    return new Promise((resolve) => this.#pipe.write(`${JSON.stringify(message)}\n`, () => resolve()));
  }

  /** Tells the parent why this process ends, and resolves when it may: with unread words in it a pipe breaks instead of ending. */
  async refuse(error: string): Promise<void> {
    await this.tell({ error });
    await this.#greeting.catch(() => {});
  }

  #read(): Promise<string> {
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
    return promise;
  }
}

function isGreeting(told: unknown): told is { readonly apiKey?: string } {
  if (typeof told !== "object" || told === null || Array.isArray(told)) return false;
  return Object.entries(told).every(([key, value]) => key === "apiKey" && typeof value === "string");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
