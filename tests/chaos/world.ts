import { setTimeout as sleep } from "node:timers/promises";
import { type CallInfo, ComponentRegistry, type Schema } from "../../client/src/index.ts";
import { hash } from "./dice.ts";

const MAX_DELAY_MS = 30;

type Answer = (n: number, input: never, call: CallInfo) => unknown;

interface Streamed {
  readonly to: number;
  readonly bad?: boolean;
}

/** The tools of one run. What they answer, and when, is a function of the run's id and of what they are asked. */
export class World {
  readonly registry = new ComponentRegistry();
  /** How often each call has reached its handler, by idempotency key. */
  readonly reached = new Map<string, number>();
  readonly running = new Set<CallInfo>();

  readonly #delay: (() => Promise<unknown>) | undefined;

  /**
   * `nest` runs a program, as many `levels` deep as it may go, until `signal` fires. Handlers take the time that `delay`
   * takes, instead of that of the dice.
   */
  constructor(
    nest: (seed: number, levels: number, signal: AbortSignal) => Promise<unknown>,
    delay?: () => Promise<unknown>,
  ) {
    this.#delay = delay;
    const tool = (name: string, answer: Answer, maxDelayMs = MAX_DELAY_MS): void => {
      const execute = (input: unknown, call: CallInfo) => this.#handle(name, input, call, maxDelayMs, answer);
      this.registry.registerTool(name, { description: "", execute });
    };
    tool("echo", (n, input: object) => ({ ...input, n }));
    tool("quick", (n) => ({ n: n % 1000 }), 0);
    tool("big", (n, { kib }: { kib: number }) => String.fromCharCode(97 + (n % 26)).repeat(kib * 1024));
    tool("flaky", (n) => {
      if (n % 3 === 0) throw Object.assign(new TypeError(`flaky ${n}`), { code: `E${n % 5}` });
      return { n };
    });
    tool("failing", (n) => {
      throw Object.assign(new Error(`failing ${n}`), { code: "E_ALWAYS" });
    });
    tool("nested", (n, { levels }: { levels: number }, { signal }) => nest(n, levels, signal), 0);
    const stream = (name: string, end: (n: number, input: Streamed) => Iterable<unknown>, outputSchema?: Schema) => {
      const execute = (input: Streamed, call: CallInfo) => this.#stream(name, input, call, end);
      this.registry.registerTool(name, { description: "", outputSchema, execute });
    };
    stream("items", () => []);
    stream("faltering", (n) => {
      throw Object.assign(new RangeError(`faltering ${n}`), { code: "E_OUT" });
    });
    stream("typed", (_, { bad }) => (bad ? ["no number"] : []), { type: "number" });
    const answer = (n: number) => `answer ${n}`;
    const run = (input: unknown, call: CallInfo) => this.#handle("ask", input, call, MAX_DELAY_MS, answer);
    this.registry.registerAgent("ask", { description: "", run });
  }

  #stream(
    name: string,
    input: Streamed,
    call: CallInfo,
    end: (n: number, input: Streamed) => Iterable<unknown>,
  ): unknown {
    this.#reach(call);
    return this.#yield(hash(`${call.executionId} ${name} ${JSON.stringify(input)}`), input, call, end);
  }

  async *#yield(
    n: number,
    input: Streamed,
    call: CallInfo,
    end: (n: number, input: Streamed) => Iterable<unknown>,
  ): AsyncGenerator {
    this.running.add(call);
    try {
      for (let index = 0; index < input.to; index++) {
        yield (n + index) % 1000;
        if ((n + index) % 7 === 0) await (this.#delay?.() ?? sleep(n % 5));
      }
      yield* end(n, input);
    } finally {
      this.running.delete(call);
    }
  }

  async #handle(name: string, input: unknown, call: CallInfo, maxDelayMs: number, answer: Answer): Promise<unknown> {
    this.#reach(call);
    this.running.add(call);
    try {
      const n = hash(`${call.executionId} ${name} ${JSON.stringify(input)}`);
      const delayMs = n % (maxDelayMs + 1);
      if (this.#delay) await this.#delay();
      else if (delayMs > 0) await sleep(delayMs);
      return await answer(n, input as never, call);
    } finally {
      this.running.delete(call);
    }
  }

  #reach({ idempotencyKey }: CallInfo): void {
    this.reached.set(idempotencyKey, (this.reached.get(idempotencyKey) ?? 0) + 1);
  }
}
