import { Codemode, ComponentRegistry, Outcome, type OutcomeData } from "@codemode/client";
import * as fc from "fast-check";
import { afterAll, expect, test } from "vitest";

const registry = new ComponentRegistry().registerTool("rows", {
  description: "Rows",
  execute: () => Array.from({ length: 3 }, (_, id) => ({ id })),
});
const codemode = Codemode.fromClientConfig({ registry, config: { executor: { mode: "embedded" } } });
afterAll(() => codemode.close());

const usage = {
  wallMs: 1,
  cpuMs: 1,
  peakHeapBytes: 1,
  peakResidentBytes: 1,
  calls: 0,
  argumentBytes: 0,
  resultBytes: 0,
  logBytes: 0,
};
const blank: OutcomeData<unknown> = {
  executionId: "e",
  correlationId: "c",
  value: undefined,
  error: null,
  calls: [],
  logs: [],
  outputs: [],
  usage,
  warnings: [],
  attempts: 1,
  interruptions: [],
};

test("a value comes first, then warnings, output, console and calls", async () => {
  const code = `console.log("starting"); console.warn({ a: 1 }); text("shown"); json(new Map([[1, 2]]));
    image("aGk="); await tools.rows(); const rows = await tools.rows(); Promise.reject("lost"); return { rows, at: new Date(0) }`;
  const outcome = await codemode.execute(code);
  expect(outcome.toModelText()).toMatchInlineSnapshot(`
    "Value: {"rows":[{"id":0},{"id":1},{"id":2}],"at":{"$type":"Date","value":"1970-01-01T00:00:00.000Z"}}
    Warning: A failure that nobody awaited: lost
    Output: shown
    Output: {"$type":"Map","value":[[1,2]]}
    Output: an image (image/png, 2 bytes)
    Console:
      log: starting
      warn: { a: 1 }
    Calls: rows succeeded × 2"
  `);
  expect(outcome.outputs).toEqual([
    { type: "text", text: "shown" },
    { type: "json", value: new Map([[1, 2]]) },
    { type: "image", mimeType: "image/png", data: new Uint8Array([104, 105]) },
  ]);
});

test("two equal runs read the same", async () => {
  const code = "console.log(Date.now() > 0); await tools.rows(); throw new TypeError('no')";
  const [one, two] = [await codemode.execute(code), await codemode.execute(code)];
  expect(one.toModelText()).toBe(two.toModelText());
});

test("a text for a model is never longer than its budget, whatever happened", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 3_000 });
  const failure = fc.record(
    {
      type: fc.constant("RuntimeError" as const),
      message: text,
      hint: text,
      frame: text,
      stack: text,
      signature: text,
    },
    { requiredKeys: ["type", "message"] },
  );
  const call = fc.record({
    seq: fc.nat(),
    name: text,
    kind: fc.constant("tool" as const),
    state: fc.constant("failed" as const),
    startedAt: fc.date(),
  });
  const arbitrary = fc.record({
    error: fc.option(failure),
    value: fc.option(text),
    warnings: fc.array(text),
    calls: fc.array(call),
    logs: fc.array(fc.record({ level: fc.constant("log" as const), text })),
    outputs: fc.array(fc.record({ type: fc.constant("text" as const), text })),
  });
  fc.assert(
    fc.property(arbitrary, fc.integer({ min: 0, max: 2_000 }), (data, budget) => {
      const told = new Outcome({ ...blank, ...data }).toModelText({ budget });
      expect(told.length).toBeLessThanOrEqual(budget);
      expect(told.isWellFormed()).toBe(JSON.stringify(data).isWellFormed() || told.isWellFormed());
    }),
    { numRuns: 300 },
  );
});

test("a small budget keeps the cause and the fix", async () => {
  const outcome = await codemode.execute("console.log('x'.repeat(5000));\nreturn await tools.rowz()");
  expect(outcome.toModelText({ budget: 160 })).toMatchInlineSnapshot(`
    "UnknownTool in rowz at line 2, column 20: There is no tool "rowz"; did you mean tools.rows(input?: unknown…
    Fix: call one of the tools there a…"
  `);
  expect(outcome.toModelText({ budget: 30 })).toMatchInlineSnapshot(`"UnknownTool in rowz at …"`);
  expect(outcome.toModelText({ budget: 0 })).toBe("");
});

test("onOversize decides what becomes of a value and of console lines over their budgets", async () => {
  const large = "return { rows: Array.from({ length: 500 }, (_, id) => ({ id })) }";
  const budgets = { maxResultBytes: 1_000, maxLogLines: 2 };
  expect((await codemode.execute(large, { budgets })).error).toMatchObject({ type: "OutputLimit" });
  const cut = await codemode.execute<{ rows: unknown[] }>(large, { budgets, onOversize: "truncate" });
  expect(cut.value?.rows.at(-1)).toMatch(/^… and \d+ more items$/);
  expect(cut.warnings).toEqual(["The value was cut to 1000 bytes"]);
  const noisy = "for (let i = 0; i < 5; i++) console.log(i); return 1";
  const dropped = await codemode.execute(noisy, { budgets });
  expect(dropped).toMatchObject({ value: 1, warnings: ["3 lines of console output were dropped: over the budget"] });
  const { warnings } = await codemode.execute("console.log('x'.repeat(20_000)); return 1");
  expect(warnings).toEqual(["3616 bytes of console output were cut: its lines are too long"]);
  expect((await codemode.execute(noisy, { budgets, onOversize: "fail" })).error).toMatchObject({
    type: "OutputLimit",
    message: "The console output of the program is over its budget",
  });
  await expect(codemode.execute("1", { onOversize: "cut" as never })).rejects.toThrow(/neither "fail" nor "truncate"/);
});
