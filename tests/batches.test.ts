// Several calls, and several answers, in one message.
import { type CallResult, readStatusDetails, type Start, ValueEncoding } from "@codemode/proto";
import { encode } from "@codemode/proto/values";
import { describe, expect, test } from "vitest";
import { startInProcess, type Stream } from "./executor-fixture.ts";
import { noBudgets, valueOf, withAsk } from "./journal-fixture.ts";
import { withScript } from "./scripted-client.ts";
import type { Peer, Script } from "./scripted-executor.ts";

const INVALID_ARGUMENT = 3;
const takingThem: Partial<Start> = {
  ...withAsk,
  takesBatches: true,
  budgets: { ...noBudgets, calls: 1_000, callsInFlight: 1_000 },
};
const asking = (count: number, input = "n") =>
  `return await Promise.all(Array.from({ length: ${count} }, (_, n) => tools.ask(${input})))`;

/** The seqs of calls, message by message, until the program waits. */
async function callsOf(stream: Stream): Promise<number[][]> {
  await stream.next("idle");
  return stream.seen.flatMap((event) => {
    if (event.$case === "call") return [[event.value.seq]];
    return event.$case === "callBatch" ? [event.value.calls.map(({ seq }) => seq)] : [];
  });
}

function answerTo(seq: number): CallResult {
  const value = { encoding: ValueEncoding.VALUE_ENCODING_EXACT, data: Buffer.from(encode(seq * 10)) };
  return { seq, result: { $case: "value", value }, settledAt: new Date() };
}

test("calls that are made at once come in batches, and their answers may go in one", async () => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  stream.start(asking(100), takingThem);
  const batches = await callsOf(stream);
  expect(batches.flat()).toEqual(seqsTo(100));
  expect(batches.length).toBeLessThan(50); // as the worker writes them, which depends on how fast it is
  expect(stream.seen[0]).toMatchObject({ $case: "accepted", value: { takesBatches: true } });
  stream.send({ $case: "callResultBatch", value: { results: seqsTo(99).map(answerTo).toReversed() } });
  stream.send({ $case: "callResult", value: answerTo(100) });
  expect(await valueOf(stream)).toEqual(seqsTo(100).map((seq) => seq * 10));
});

function seqsTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

test("a client that does not take batches gets call after call", async () => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  stream.start(asking(3), { ...takingThem, takesBatches: false });
  expect(await callsOf(stream)).toEqual([[1], [2], [3]]);
});

test("a batch has at most 256 calls", async () => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  stream.start(asking(600), takingThem);
  const batches = await callsOf(stream);
  expect(batches.flat()).toEqual(seqsTo(600));
  expect(batches.length).toBeLessThan(100);
  expect(Math.max(...batches.map(({ length }) => length))).toBeLessThanOrEqual(256);
});

test("a batch has at most 64 KiB of arguments, and none of over 4 KiB; all stay in their order", async () => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  stream.start(asking(40, '"x".repeat(n % 8 === 7 ? 5_000 : 4_000)'), takingThem);
  const batches = await callsOf(stream);
  expect(batches.flat()).toEqual(seqsTo(40));
  for (const seqs of batches) {
    expect(seqs.length).toBeLessThanOrEqual(16);
    if (seqs.length > 1) expect(seqs.filter((seq) => seq % 8 === 0)).toEqual([]);
  }
});

test("what a program says between calls stays between them", async () => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  const code =
    "for (let n = 0; n < 100; n++) { if (n % 9 === 0) console.log('here'); void tools.ask(n) } await tools.ask(100)";
  stream.start(code, takingThem);
  await stream.next("idle");
  const said = stream.seen.flatMap((event) =>
    event.$case === "callBatch" ? event.value.calls.map(() => "call") : event.$case,
  );
  const expected = Array.from({ length: 100 }, (_, n) => (n % 9 === 0 ? ["log", "call"] : ["call"])).flat();
  expect(said).toEqual(["accepted", ...expected, "call", "idle"]);
});

test.each([
  ["that is empty", [], "call_result_batch"],
  ["that answers a call twice", [1, 1], "call_result.seq"],
  ["that answers a call that was not made", [1, 4], "call_result.seq"],
])("a batch %s ends the stream", async (_name, seqs, field) => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  stream.start(asking(3), takingThem);
  await stream.next("idle");
  stream.send({ $case: "callResultBatch", value: { results: seqs.map(answerTo) } });
  stream.call.resume();
  const status = await stream.status;
  expect(status.code).toBe(INVALID_ARGUMENT);
  expect(readStatusDetails(status.metadata).field).toBe(field);
});

test("answers that come behind the end of the run, in the batch that ended it, are dropped", async () => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  stream.start("await Promise.race([tools.ask(1), tools.ask(2)]); for (;;);", {
    ...takingThem,
    budgets: { ...noBudgets, cpuTime: { seconds: 0n, nanos: 200_000_000 } },
  });
  await stream.next("idle");
  stream.send({ $case: "callResultBatch", value: { results: [answerTo(1), answerTo(2)] } });
  expect(await valueOf(stream)).toMatchObject({ message: expect.stringContaining("CPU") });
  expect((await stream.status).code).toBe(0);
});

/** The seqs of answers, message by message, until there are `count`. */
async function answersTo(peer: Peer, count: number): Promise<number[][]> {
  const seqs: number[][] = [];
  while (seqs.flat().length < count) {
    const event = await peer.next();
    if (event?.$case === "callResult") seqs.push([event.value.seq]);
    else if (event?.$case === "callResultBatch") seqs.push(event.value.results.map(({ seq }) => seq));
    else throw new Error(`Expected answers, got ${event?.$case}`);
  }
  return seqs;
}

describe("a client", () => {
  /** How it answers three calls that come in one message. */
  const answering = async (takesBatches: boolean, ask: (n: number) => unknown = () => "answer"): Promise<unknown> => {
    let n = 0;
    const script: Script = async (peer) => {
      expect(peer.start.takesBatches).toBe(true);
      peer.accept(undefined, undefined, takesBatches);
      peer.calls([1, "ask"], [2, "ask"], [3, "ask"]);
      peer.finish(await answersTo(peer, 3));
    };
    await using client = await withScript(script, { ask: () => ask(++n) });
    return (await client.run()).value;
  };

  test("gives the answers of one turn as one batch to an executor that takes them", async () => {
    expect(await answering(true)).toEqual([[1, 2, 3]]);
  });

  test("gives them one by one to another", async () => {
    expect(await answering(false)).toEqual([[1], [2], [3]]);
  });

  test("counts all of an error: its name and its code may be long", async () => {
    const failing = () => {
      throw Object.assign(new Error("no"), { name: "漢".repeat(1_000), code: "漢".repeat(1_000) });
    };
    expect(await answering(true, failing)).toEqual([[1], [2], [3]]);
  });

  test("gives a large one by itself, and keeps their order", async () => {
    expect(await answering(true, (n) => (n === 2 ? "x".repeat(5_000) : "answer"))).toEqual([[1], [2], [3]]);
  });
});
