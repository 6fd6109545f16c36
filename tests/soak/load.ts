import { type Codemode, ComponentRegistry, type ExecuteOptions } from "@codemode/client";
import { setTimeout as sleep } from "node:timers/promises";
import type { Dice } from "../chaos/dice.ts";

/** One kind of run: its program, and how it must end. */
export interface Kind {
  readonly name: string;
  /** How often, in comparison to others. */
  readonly weight: number;
  readonly code: string;
  readonly options?: ExecuteOptions;
  /** The value that it must come to, or the types that its error may have. */
  readonly ends: { readonly value: unknown } | { readonly error: readonly string[] };
}

const brief = { timeoutMs: 5_000, budgets: { cpuMs: 300 } };
const roomy = { timeoutMs: 30_000, budgets: { cpuMs: 20_000 } };

/** How a run may end whose worker is killed three times in a row before it meets its limit: as one that kills its workers. */
const UNLUCKY = "Crashed";

/** What a day brings: mostly good programs, some wrong ones, a few that wreck their worker. */
export const KINDS: readonly Kind[] = [
  { name: "arithmetic", weight: 20, code: "return 6 * 7", ends: { value: 42 } },
  {
    name: "tools at once",
    weight: 20,
    code: "return (await Promise.all([1, 2, 3, 4].map((n) => tools.add({ a: n, b: n })))).join()",
    ends: { value: "2,4,6,8" },
  },
  {
    name: "tools in turn",
    weight: 15,
    code: "let sum = 0; for (let n = 0; n < 5; n++) sum = await tools.add({ a: sum, b: await tools.later({ ms: 20 }) }); return sum",
    ends: { value: 100 },
  },
  {
    name: "timers",
    weight: 5,
    code: "await new Promise((done) => setTimeout(done, 50)); return 1",
    ends: { value: 1 },
  },
  {
    name: "a large value",
    weight: 5,
    code: "return 'x'.repeat(500_000).length + (await tools.echo('y'.repeat(200_000))).length",
    ends: { value: 700_000 },
  },
  {
    name: "much output",
    weight: 3,
    code: "for (let n = 0; n < 3_000; n++) console.log('line', n); return 1",
    ends: { value: 1 },
  },
  { name: "TypeScript", weight: 3, code: "const n: number = 20; return n as number + 22", ends: { value: 42 } },
  { name: "a syntax error", weight: 3, code: "retrun 1", ends: { error: ["SyntaxError"] } },
  { name: "an exception", weight: 3, code: "throw new Error('no')", ends: { error: ["RuntimeError"] } },
  { name: "a tool that fails", weight: 3, code: "return await tools.fail({})", ends: { error: ["ToolError"] } },
  { name: "a deadlock", weight: 2, code: "await new Promise(() => {})", ends: { error: ["Deadlock"] } },
  {
    name: "an endless loop",
    weight: 2,
    code: "for (;;);",
    options: brief,
    ends: { error: ["CpuLimit", "Timeout", UNLUCKY] },
  },
  {
    name: "a native loop",
    weight: 1,
    code: "return Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)",
    options: brief,
    ends: { error: ["CpuLimit", "Timeout", UNLUCKY] },
  },
  {
    name: "memory without end",
    weight: 1,
    code: "const all = []; for (;;) all.push('x'.repeat(1 << 20) + all.length)",
    options: roomy,
    ends: { error: ["MemoryLimit", UNLUCKY] },
  },
  {
    name: "a fatal error of V8",
    weight: 1,
    code: "return 'x'.repeat(2 ** 28 + 1).split('').length",
    options: roomy,
    ends: { error: ["MemoryLimit", UNLUCKY] },
  },
  { name: "a run that is cancelled", weight: 3, code: "return await tools.hang({})", ends: { error: ["Cancelled"] } },
];

const TOTAL = KINDS.reduce((sum, { weight }) => sum + weight, 0);

export function randomKind(dice: Dice): Kind {
  let at = dice.below(TOTAL);
  for (const kind of KINDS) if ((at -= kind.weight) < 0) return kind;
  throw new RangeError("The weights do not add up");
}

/** The tools that the programs call. */
export function registry(): ComponentRegistry {
  const made = new ComponentRegistry();
  const tool = (name: string, execute: (input: never, call: { readonly signal: AbortSignal }) => unknown) =>
    made.registerTool(name, { description: name, execute: execute as (input: unknown) => unknown });
  tool("add", ({ a, b }: { a: number; b: number }) => a + b);
  tool("later", ({ ms }: { ms: number }) => sleep(ms, ms));
  tool("echo", (input) => input);
  tool("fail", () => Promise.reject(new Error("tool says no")));
  tool(
    "hang",
    (_input, { signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))),
  );
  return made;
}

/** Runs one of a kind. Tells what was wrong with its end. */
export async function attempt(codemode: Codemode, { name, code, options, ends }: Kind): Promise<string | undefined> {
  const caller = new AbortController();
  const cancels = "error" in ends && ends.error.includes("Cancelled");
  const onCall = () => cancels && caller.abort(new Error("enough"));
  try {
    const { status, value, error } = await codemode.execute(code, { ...options, signal: caller.signal, onCall });
    if ("value" in ends ? status === "ok" && value === ends.value : ends.error.includes(error?.type ?? "")) return;
    return `${name}: ${status} ${JSON.stringify(error ?? value)?.slice(0, 300)}`;
  } catch (thrown) {
    return `${name} threw ${String(thrown)}`;
  }
}
