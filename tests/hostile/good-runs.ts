import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { connect, Stream } from "../executor-fixture.ts";
import { withAsk } from "../journal-fixture.ts";

const CODE = "let sum = 0; for (let i = 0; i < 3; i++) sum += await tools.ask(i); return sum";
export const RIGHT = "111";

/** Four runs that begin before what is to leave them alone, and end after it. */
export class GoodRuns {
  readonly #client: ReturnType<typeof connect>;
  readonly #streams: readonly Stream[];

  private constructor(address: string, key: string) {
    this.#client = connect(address);
    this.#streams = [1, 2, 3, 4].map(() => new Stream(this.#client, key));
  }

  static async begin(address: string, key: string): Promise<GoodRuns> {
    const runs = new GoodRuns(address, key);
    for (const stream of runs.#streams) {
      stream.start(CODE, withAsk);
      await stream.next("call");
      stream.answer(1, 1);
      await stream.next("call");
    }
    return runs;
  }

  /** Their values. */
  async end(): Promise<string[]> {
    for (const stream of this.#streams) stream.answer(2, 10);
    const values: string[] = [];
    for (const stream of this.#streams) {
      await stream.next("call");
      stream.answer(3, 100);
      const { result } = await stream.next("finished");
      values.push(result?.$case === "value" ? result.value.data.toString() : JSON.stringify(result));
      await stream[Symbol.asyncDispose]();
    }
    this.#client.close();
    return values;
  }
}

/** The same in a process of their own, which has time for pings while this one attacks. */
export class GoodRunsApart {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(address: string, key: string) {
    const main = fileURLToPath(new URL("good-runs-process.ts", import.meta.url));
    const env = { PATH: process.env["PATH"], ADDRESS: address, KEY: key };
    this.#child = spawn(process.execPath, [main], { env, stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface(this.#child.stdout!)[Symbol.asyncIterator]();
  }

  static async begin(address: string, key: string): Promise<GoodRunsApart> {
    const runs = new GoodRunsApart(address, key);
    await runs.#lines.next();
    return runs;
  }

  async end(): Promise<string[]> {
    const exited = once(this.#child, "exit");
    this.#child.stdin?.end("end\n");
    const { value, done } = await this.#lines.next();
    await exited;
    if (done) throw new Error("The good runs have ended badly: see stderr");
    return JSON.parse(value) as string[];
  }
}
