import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Contender } from "../rounds.ts";

const main = fileURLToPath(new URL("isolate-process.ts", import.meta.url));

/** Floor A: raw isolated-vm, in as many processes as asked for. */
export class Isolates implements Disposable {
  readonly #children: readonly ChildProcess[];

  constructor(processes: number) {
    this.#children = Array.from({ length: processes }, () =>
      spawn(process.execPath, ["--no-node-snapshot", main], { stdio: ["pipe", "pipe", "inherit"] }),
    );
  }

  /** One isolate, timed where it is. */
  get latency(): Contender {
    return { name: "A: isolated-vm in process", run: async () => (await this.#make(1))[0] };
  }

  /** `operations` isolates, shared between the processes. */
  throughput(operations: number): Contender {
    const share = Math.ceil(operations / this.#children.length);
    return { name: "A, in a process for each core", operations, run: async () => void (await this.#make(share)) };
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) child.kill();
  }

  #make(count: number): Promise<number[]> {
    return Promise.all(
      this.#children.map(async ({ stdin, stdout }) => {
        if (!stdin || !stdout) throw new Error("A process without its pipes");
        const answered = once(stdout, "data") as Promise<[Buffer]>;
        stdin.write(`${count}\n`);
        return Number((await answered)[0]);
      }),
    );
  }
}
