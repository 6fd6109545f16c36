import { Codemode, ComponentRegistry } from "@codemode/client";
import { z } from "zod";
import { type ExecutorAt, startExecutor } from "./executor.ts";

/** The registry of the benchmark: a tool with both schemas, so that checking them is part of what is measured. */
export function registryOf(): ComponentRegistry {
  return new ComponentRegistry().registerTool("ping", {
    description: "Answers with what it is given, and one more",
    inputSchema: z.object({ n: z.number() }),
    outputSchema: z.number(),
    execute: ({ n }) => n + 1,
  });
}

/** Codemode as it comes, but for where its executor listens. */
export class Ours implements AsyncDisposable {
  readonly codemode: Codemode;
  readonly #executor: ExecutorAt;

  private constructor(executor: ExecutorAt, codemode: Codemode) {
    this.#executor = executor;
    this.codemode = codemode;
  }

  /** `listen` as in `executor.listen`: `unix:/a/path` or `127.0.0.1:0`. `extra` are variables for the executor. */
  static async start(
    listen: string,
    registry: ComponentRegistry = registryOf(),
    extra: Record<string, string> = {},
  ): Promise<Ours> {
    const executor = await startExecutor(listen, extra);
    const { address: url, key: apiKey } = executor;
    const codemode = Codemode.fromClientConfig({
      registry,
      config: { executor: { mode: "remote", url, apiKey }, run: { maxCalls: 100_000, timeoutMs: "10m" } },
    });
    return new Ours(executor, codemode);
  }

  get pid(): number {
    return this.#executor.pid;
  }

  /** Runs `code`, and fails where the program does. */
  async run(code: string): Promise<unknown> {
    return (await this.codemode.execute(code)).unwrap();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.codemode.close();
    await this.#executor[Symbol.asyncDispose]();
  }
}
