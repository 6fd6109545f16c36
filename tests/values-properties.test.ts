import { decode, encode } from "@codemode/proto/values";
import { array, assert, asyncProperty, property } from "fast-check";
import { expect, test } from "vitest";
import { randomValue, tapes } from "./random-value.ts";
import { difference, withoutStacks } from "./same-value.ts";
import { budgets, WorkerPeer } from "./worker-peer.ts";

// A failure prints its seed and its smallest tape. To have it again: assert(property, { seed, path }).
const tape = tapes(25);

test("what structuredClone copies, the codec copies in the same way", () => {
  assert(
    property(tape, (tape) => {
      const value = randomValue(tape, true);
      expect(difference(structuredClone(value), decode(encode(value, { stacks: true })))).toBeUndefined();
    }),
    { numRuns: 50_000 },
  );
});

// The two differ on purpose in what structuredClone refuses or loses: a URL, the name of an error that is no standard
// one, the errors of an AggregateError. What both leave behind: properties of errors, and whatever is under symbols.
// The codec alone leaves behind: properties of arrays, that a buffer can be resized, a stack unless it is asked for.
test("every value that the codec takes comes back as it was", () => {
  assert(
    property(tape, (tape) => {
      const value = randomValue(tape, false);
      expect(difference(value, decode(encode(value, { stacks: true })))).toBeUndefined();
    }),
    { numRuns: 50_000 },
  );
});

// Inside an isolate there is another realm, the snapshot of the codec, and an interpreter without a compiler.
const room = { ...budgets, argumentBytes: 2n ** 24n, resultBytes: 2n ** 24n };
const batch = array(tapes(20), { minLength: 250, maxLength: 250, size: "max" });

test("values cross into an isolate and back as they were", async () => {
  await using worker = new WorkerPeer();
  const echo = asyncProperty(batch, async (drawn) => {
    const sent = drawn.map((tape) => randomValue(tape, true));
    let came: unknown;
    const tools = { give: () => sent, take: (values: unknown) => void (came = values) };
    const { error, value } = await worker.run("const v = await tools.give(); await tools.take(v); return v", tools, {
      budgets: room,
    });
    expect(error).toBeUndefined();
    expect(difference(withoutStacks(sent), withoutStacks(came))).toBeUndefined();
    expect(difference(withoutStacks(sent), withoutStacks(value))).toBeUndefined();
  });
  await assert(echo, { numRuns: 10, endOnFailure: true });
});

test("values that are made in an isolate come out as they were", async () => {
  await using worker = new WorkerPeer();
  const code = `const randomValue = ${randomValue.toString()};
    return (await tools.tapes()).map((tape) => randomValue(tape, true))`;
  const made = asyncProperty(batch, async (drawn) => {
    const { error, value } = await worker.run(code, { tapes: () => drawn.map((tape) => [...tape]) }, { budgets: room });
    expect(error).toBeUndefined();
    const here = drawn.map((tape) => randomValue(tape, true));
    expect(difference(withoutStacks(here), withoutStacks(value))).toBeUndefined();
  });
  await assert(made, { numRuns: 10, endOnFailure: true });
});
