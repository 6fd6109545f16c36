import {
  Call,
  CallKind,
  CallResult,
  ClientMessage,
  encodeResult,
  ExecutorMessage,
  joined,
  partsOfCall,
  partsOfResult,
  readLargeCall,
  readLargeResult,
  ValueEncoding,
} from "@codemode/proto/messages";
import { WorkerEvent, WorkerRequest } from "@codemode/proto/worker";
import { expect, test } from "vitest";
import { passed } from "../executor/src/pool/garbage.ts";

const encoding = ValueEncoding.VALUE_ENCODING_EXACT;
const settledAt = new Date(1_700_000_000_123);
const payloadOf = (bytes: number): Buffer => Buffer.from(Array.from({ length: bytes }, (_, index) => index % 251));
const callOf = (data: Buffer): Call => {
  return { seq: 7, kind: CallKind.CALL_KIND_TOOL, name: "a.tool", arguments: { encoding, data }, delayMs: 0 };
};
const resultOf = (data: Buffer): CallResult => {
  return { seq: 300, result: { $case: "value", value: { encoding, data } }, settledAt };
};

test("a message in two parts is the message", () => {
  for (const bytes of [16_384, 20_000, 70_000]) {
    const call = callOf(payloadOf(bytes));
    const result = resultOf(payloadOf(bytes));
    const asked = joined(partsOfCall(call)!);
    const answered = joined(partsOfResult(result)!);
    expect(ExecutorMessage.decode(asked)).toEqual({ event: { $case: "call", value: call } });
    expect(WorkerEvent.decode(asked)).toEqual({ event: { $case: "call", value: call } });
    expect(ClientMessage.decode(answered)).toEqual({ event: { $case: "callResult", value: result } });
    expect(WorkerRequest.decode(answered)).toEqual({ request: { $case: "settle", value: result } });
    expect(readLargeCall(asked)).toEqual(call);
    expect(readLargeResult(answered)).toEqual(result);
  }
});

test("a large payload is read where it is, and given on as it came", () => {
  const bytes = joined(partsOfCall(callOf(payloadOf(100_000)))!);
  const call = readLargeCall(bytes)!;
  expect(call.arguments?.data.buffer).toBe(bytes.buffer);
  expect(joined(partsOfCall(call)!)).toEqual(bytes);
  expect(joined(partsOfCall(call)!).buffer).toBe(bytes.buffer);
  expect(joined(partsOfCall({ ...call, seq: 8 })!).buffer).not.toBe(bytes.buffer);
  expect(ExecutorMessage.decode(joined(partsOfCall({ ...call, seq: 8 })!))).toMatchObject({
    event: { value: { seq: 8 } },
  });
});

test("an answer that is recorded is in memory once, for the record and for the wire", () => {
  const result = resultOf(payloadOf(100_000));
  const row = encodeResult(result);
  expect(CallResult.decode(row)).toEqual(resultOf(payloadOf(100_000)));
  const message = joined(partsOfResult(result)!);
  expect(message.buffer).toBe(row.buffer);
  expect(ClientMessage.decode(message)).toEqual({ event: { $case: "callResult", value: result } });
  expect(encodeResult(result)).toEqual(row);
});

test("what is small, or has no payload, or not at its end, is left to generated code", () => {
  expect(partsOfCall(callOf(payloadOf(16_383)))).toBeUndefined();
  expect(partsOfCall({ ...callOf(payloadOf(0)), arguments: undefined })).toBeUndefined();
  expect(partsOfResult({ ...resultOf(payloadOf(0)), result: { $case: "stream", value: {} } })).toBeUndefined();
  const result = resultOf(payloadOf(100_000));
  const inOrder = ClientMessage.encode({ event: { $case: "callResult", value: result } }).finish(); // settled_at is last
  expect(readLargeResult(inOrder)).toBeUndefined();
  const log = Buffer.alloc(100_000, "x").toString();
  const other = ExecutorMessage.encode({ event: { $case: "log", value: { level: 1, text: log } } }).finish();
  expect(readLargeCall(other)).toBeUndefined();
});

test("no view keeps much more alive than its payload", () => {
  const name = "x".repeat(2_000);
  const long = joined(partsOfCall({ ...callOf(payloadOf(100_000)), name })!);
  expect(readLargeCall(long)).toBeUndefined();
  expect(ExecutorMessage.decode(long)).toMatchObject({ event: { value: { name } } });
});

test("what comes twice is read as generated code reads it: the last counts", () => {
  const last = joined(partsOfResult(resultOf(payloadOf(20_000)))!);
  const inner = encodeResult(resultOf(payloadOf(20_000)));
  const error = CallResult.encode({
    seq: 5,
    result: { $case: "error", value: { type: 1, name: "E", message: "", code: "", retryable: false } },
    settledAt: undefined,
  }).finish();
  const length = error.length + inner.length;
  const varint = [(length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14];
  const twice = Buffer.concat([Buffer.from([0x12, ...varint]), error, inner]);
  expect({ event: { $case: "callResult", value: readLargeResult(twice) } }).toEqual(ClientMessage.decode(twice));
  const other = Buffer.concat([
    ClientMessage.encode({ event: { $case: "cancel", value: { reason: "" } } }).finish(),
    last,
  ]);
  expect(readLargeResult(other)).toBeUndefined();
});

test("what is cut anywhere is no call and no answer", () => {
  const bytes = joined(partsOfCall(callOf(payloadOf(20_000)))!);
  for (const end of [0, 1, 5, 16_384, bytes.length - 1]) expect(readLargeCall(bytes.subarray(0, end))).toBeUndefined();
});

test("buffers that have passed through the edge do not pile up", () => {
  const MIB = 1024 * 1024;
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  for (let index = 0; index < 400; index++) {
    Buffer.alloc(MIB / 4);
    passed(MIB / 4);
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  expect(most / MIB).toBeLessThan(12); // 24 and more where it is left to V8
});
