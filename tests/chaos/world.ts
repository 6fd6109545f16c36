import { setTimeout as sleep } from "node:timers/promises";
import { type CallInfo, ComponentRegistry } from "../../client/src/index.ts";
import { hash } from "./dice.ts";

const MAX_DELAY_MS = 30;

/** The tools of one run. What they answer, and when, is a function of the run's id and of what they are asked. */
export class World {
  readonly registry = new ComponentRegistry();
  /** How often each call has reached its handler, by idempotency key. */
  readonly reached = new Map<string, number>();
  readonly running = new Set<CallInfo>();

  readonly #delay: (() => Promise<unknown>) | undefined;

  /** Handlers take the time that `delay` takes, instead of that of the dice. */
  constructor(delay?: () => Promise<unknown>) {
    this.#delay = delay;
    const tool = (name: string, answer: (n: number, input: never) => unknown, maxDelayMs = MAX_DELAY_MS): void => {
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
    const items = (input: { to: number }, call: CallInfo) => this.#yield(input, call);
    this.registry.registerTool("items", { description: "", execute: items });
    const answer = (n: number) => `answer ${n}`;
    const run = (input: unknown, call: CallInfo) => this.#handle("ask", input, call, MAX_DELAY_MS, answer);
    this.registry.registerAgent("ask", { description: "", run });
  }

  async *#yield(input: { to: number }, call: CallInfo): AsyncGenerator<number> {
    const { idempotencyKey } = call;
    this.reached.set(idempotencyKey, (this.reached.get(idempotencyKey) ?? 0) + 1);
    this.running.add(call);
    try {
      const n = hash(`${call.executionId} items ${JSON.stringify(input)}`);
      for (let index = 0; index < input.to; index++) {
        yield (n + index) % 1000;
        if ((n + index) % 7 === 0) await (this.#delay?.() ?? sleep(n % 5));
      }
    } finally {
      this.running.delete(call);
    }
  }

  async #handle(
    name: string,
    input: unknown,
    call: CallInfo,
    maxDelayMs: number,
    answer: (n: number, input: never) => unknown,
  ): Promise<unknown> {
    const { idempotencyKey } = call;
    this.reached.set(idempotencyKey, (this.reached.get(idempotencyKey) ?? 0) + 1);
    this.running.add(call);
    try {
      const n = hash(`${call.executionId} ${name} ${JSON.stringify(input)}`);
      const delayMs = n % (maxDelayMs + 1);
      if (this.#delay) await this.#delay();
      else if (delayMs > 0) await sleep(delayMs);
      return answer(n, input as never);
    } finally {
      this.running.delete(call);
    }
  }
}
