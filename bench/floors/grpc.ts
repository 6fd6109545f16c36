import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Client, type ClientDuplexStream, credentials, Metadata } from "@grpc/grpc-js";
import type { Contender } from "../rounds.ts";
import { echo } from "./echo.ts";

const main = fileURLToPath(new URL("grpc-process.ts", import.meta.url));
const MESSAGE = Buffer.alloc(64, "x");

/** Floors B and C: bare grpc-js, to a process that says back what it is told. */
export class Grpc implements Disposable {
  readonly #child: ChildProcess;
  readonly #client: Client;
  readonly #open: ClientDuplexStream<Buffer, Buffer>;

  private constructor(child: ChildProcess, address: string) {
    this.#child = child;
    this.#client = new Client(address, credentials.createInsecure());
    this.#open = this.#stream();
  }

  /** `listen` is where the process listens: `127.0.0.1:0` or `unix:/a/path`. */
  static async start(listen: string): Promise<Grpc> {
    const child = spawn(process.execPath, [main, listen], { stdio: ["ignore", "pipe", "inherit"] });
    const [port] = (await once(child.stdout, "data")) as [Buffer];
    return new Grpc(child, listen.startsWith("unix:") ? listen : `127.0.0.1:${String(port).trim()}`);
  }

  /** B: a stream is opened, one message goes each way, it ends. */
  stream(name: string): Contender {
    return {
      name,
      run: async () => {
        const stream = this.#stream();
        const [ended, answered] = [once(stream, "status"), once(stream, "data")];
        stream.write(MESSAGE);
        await answered;
        stream.end();
        stream.resume();
        await ended;
      },
    };
  }

  /** C: `operations` messages there and back, one after the other, on a stream that is open. */
  messages(name: string, operations: number): Contender {
    return {
      name,
      operations,
      run: async () => {
        const { promise, resolve } = Promise.withResolvers<void>();
        let left = operations;
        const next = () => (left-- > 0 ? this.#open.write(MESSAGE) : resolve());
        this.#open.on("data", next);
        next();
        await promise;
        this.#open.off("data", next);
      },
    };
  }

  [Symbol.dispose](): void {
    this.#open.cancel();
    this.#client.close();
    this.#child.kill();
  }

  #stream(): ClientDuplexStream<Buffer, Buffer> {
    const { path, requestSerialize, responseDeserialize } = echo;
    const stream = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata());
    stream.on("error", () => {}); // cancelled in the end
    return stream;
  }
}
