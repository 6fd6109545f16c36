// An executor that reads no answers, as the run sees it: A8, to the byte. Over a socket: hostile-executor.
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { CallKind } from "@codemode/proto";
import { expect, test } from "vitest";
import { ComponentRegistry, Run, RuntimeContext } from "../client/src/index.ts";
import type { Handler } from "./scripted-client.ts";
import { toValue } from "./scripted-executor.ts";

const MIB = 1_048_576;

/** A run with these tools, and a peer that passes on no more of what is said to it than the test wants. */
function unread(tools: Record<string, Handler>, maxCallsInFlight?: number) {
  const called: string[] = [];
  const registry = new ComponentRegistry();
  for (const [name, handle] of Object.entries(tools)) {
    const execute = (input: unknown, call: { signal: AbortSignal }) => (
      called.push(name),
      handle(input as never, call)
    );
    registry.registerTool(name, { description: "", execute });
  }
  const run = new Run({
    executionId: "e",
    correlationId: "c",
    code: "",
    fileName: undefined,
    components: registry.components,
    context: new RuntimeContext(),
    config: {},
    budgets: { timeoutMs: 1_000, maxCallsInFlight },
    inContext: (body) => body(),
  });
  let unsent: (() => void)[] = [];
  const connect = () => ((unsent = []), run.connect((_, onSent) => onSent && unsent.push(onSent)));
  let link = connect();
  let seq = 0;
  return {
    run,
    /** Makes the next call, and tells how many handlers have been called by then. */
    call(name: string, args = toValue({})) {
      link.call({ seq: ++seq, kind: CallKind.CALL_KIND_TOOL, name, arguments: args, delayMs: 0 });
      return this.called();
    },
    giveUp: () => link.cancelCall(seq),
    /** How many handlers have been called. */
    called: async () => (await turn(), called.length),
    /** Passes the oldest on that was said. */
    pass: () => unsent.shift()?.(),
    passAll: () => unsent.splice(0).forEach((onSent) => onSent()),
    reconnect() {
      run.disconnect();
      link = connect();
    },
  };
}

const answering = (bytes: number): Record<string, Handler> => ({ take: () => "x".repeat(bytes - 2) }); // and its quotes

test("a handler is called while fewer than 16 MiB of answers are unread", async () => {
  const [exact, less] = [unread(answering(MIB)), unread(answering(MIB - 1))];
  for (let n = 1; n <= 16; n++) expect([await exact.call("take"), await less.call("take")]).toEqual([n, n]);
  expect([await exact.call("take"), await less.call("take")]).toEqual([16, 17]);
  expect([await exact.call("take"), await less.call("take")]).toEqual([16, 17]);
  exact.pass(); // Start
  expect(await exact.called()).toBe(16);
  exact.pass();
  expect(await exact.called()).toBe(18); // as many as may be in flight: what they will answer nobody knows
});

test("what another stream has of the journal is unread as well", async () => {
  const it = unread(answering(MIB));
  for (let n = 1; n <= 17; n++) await it.call("take");
  it.reconnect();
  expect(await it.called()).toBe(16);
  it.passAll();
  expect(await it.called()).toBe(17);
});

test.each(["while there is a stream", "between two streams"])(
  "a call waits for the handler of one that was given up, which comes back %s",
  async (when) => {
    const slow = Promise.withResolvers<unknown>();
    const it = unread({ slow: () => slow.promise, ...answering(2) }, 1);
    await it.call("slow");
    it.giveUp();
    expect(await it.call("take")).toBe(1);
    if (when === "between two streams") it.run.disconnect();
    slow.resolve(1);
    if (when === "between two streams") {
      expect(await it.called()).toBe(1);
      it.reconnect();
    }
    expect(await it.called()).toBe(2);
  },
);

test("a call that waits and is given up is forgotten with its arguments", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const it = unread({ slow: () => new Promise(() => {}) }, 1);
  const left: WeakRef<object>[] = [];
  const waits = async () => {
    const args = toValue({ of: "some size" });
    left.push(new WeakRef(args));
    expect(await it.call("slow", args)).toBe(1);
  };
  await it.call("slow");
  it.giveUp();
  await waits();
  it.giveUp();
  await turn();
  collect();
  expect(left[0]?.deref()).toBeUndefined();
  it.run.release();
});
