import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { asBuffer } from "./as-buffer.ts";
import { Call, CallResult } from "./gen/codemode/v1/messages.ts";
import { Value } from "./gen/codemode/v1/run.ts";

// Calls and answers with much in them. Generated code copies a payload four times on its way into a message and once on its
// way out, each time into memory that only a collection gives back. Here a message is written with its payload last, so that
// it is two parts, of which the second is the payload as it is; and one that came so is read as a view of it.

const LARGE_BYTES = 16_384; // below, the copies cost less than what is done here
const MAX_HEAD_BYTES = 1_024; // what a view may keep alive beside its payload
const NONE = Buffer.alloc(0);

// The fields, which the messages of gRPC and those between edge and worker have alike.
const CALL = 3;
const ARGUMENTS_OF_CALL = 4;
const RESULT = 2;
const VALUE_OF_RESULT = 2;
const DATA_OF_VALUE = 2;

/** A message: one part after the other. */
export interface Parts {
  readonly head: Uint8Array;
  readonly payload: Uint8Array;
}

/** An ExecutorMessage or WorkerEvent with `call`, when it has a large payload. */
export function partsOfCall(call: Call): Parts | undefined {
  const value = call.arguments;
  if (!value || value.data.length < LARGE_BYTES) return undefined;
  const before = Call.encode({ ...call, arguments: undefined }).finish();
  return enclose(CALL, NONE, enclose(ARGUMENTS_OF_CALL, before, partsOfValue(value)));
}

/** A ClientMessage or WorkerRequest with `result`, when it has a large payload. */
export function partsOfResult(result: CallResult): Parts | undefined {
  const bare = partsOfBareResult(result);
  return bare && enclose(RESULT, NONE, bare);
}

/**
 * `result` by itself, encoded. A large payload is moved there, so that it is in memory once, and behind what a ClientMessage
 * begins with.
 */
export function encodeResult(result: CallResult): Uint8Array {
  const bare = partsOfBareResult(result);
  if (!bare || result.result?.$case !== "value") return CallResult.encode(result).finish();
  const whole = joined(enclose(RESULT, NONE, bare));
  result.result.value.data = whole.subarray(-bare.payload.length);
  return whole.subarray(-bare.payload.length - bare.head.length);
}

/** The call of an ExecutorMessage or WorkerEvent that ends with a large payload, which stays where it is in `bytes`. */
export function readLargeCall(bytes: Uint8Array): Call | undefined {
  const found = findPayload(bytes, CALL, ARGUMENTS_OF_CALL);
  return found && { ...Call.decode(found.around), arguments: found.value };
}

/** The answer in a ClientMessage or WorkerRequest that ends with a large payload, which stays where it is in `bytes`. */
export function readLargeResult(bytes: Uint8Array): CallResult | undefined {
  const found = findPayload(bytes, RESULT, VALUE_OF_RESULT);
  return found && { ...CallResult.decode(found.around), result: { $case: "value", value: found.value } };
}

/** In one piece. That is where the payload is when what comes before it there is its head: so a call that a worker has sent. */
export function joined({ head, payload }: Parts): Buffer {
  const { buffer, byteOffset, length } = payload;
  if (byteOffset >= head.length) {
    const there = Buffer.from(buffer, byteOffset - head.length, head.length + length);
    if (there.subarray(0, head.length).equals(head)) return there;
  }
  return Buffer.concat([head, payload]);
}

function partsOfBareResult(result: CallResult): Parts | undefined {
  const value = result.result?.$case === "value" ? result.result.value : undefined;
  if (!value || value.data.length < LARGE_BYTES) return undefined;
  const before = CallResult.encode({ ...result, result: undefined }).finish();
  return enclose(VALUE_OF_RESULT, before, partsOfValue(value));
}

function partsOfValue({ encoding, data }: Value): Parts {
  return enclose(DATA_OF_VALUE, Value.encode({ encoding, data: NONE }).finish(), { head: NONE, payload: data });
}

/** `inside` as the last field of a message that begins with `before`. */
function enclose(field: number, before: Uint8Array, { head, payload }: Parts): Parts {
  const writer = new BinaryWriter().raw(before).tag(field, WireType.LengthDelimited);
  return {
    head: writer
      .uint32(head.length + payload.length)
      .raw(head)
      .finish(),
    payload,
  };
}

interface Found {
  /** The message that the value is in, without it. */
  readonly around: Uint8Array;
  readonly value: Value;
}

/** Of the fields of a oneof, and of one that comes twice, the last counts: so it does not matter what came before. */
function findPayload(bytes: Uint8Array, outer: number, inner: number): Found | undefined {
  if (bytes.length < LARGE_BYTES) return undefined;
  const message = lastField(bytes, outer);
  if (!message || message.before.length > 0) return undefined;
  const value = lastField(message.inside, inner);
  const data = value && lastField(value.inside, DATA_OF_VALUE);
  if (!data || bytes.length - data.inside.length > MAX_HEAD_BYTES) return undefined;
  return {
    around: value.before,
    value: { ...Value.decode(data.before), data: asBuffer(data.inside) },
  };
}

/** What is inside the last field of a message, when it is `field`, and what comes before it. */
function lastField(bytes: Uint8Array, field: number): { before: Uint8Array; inside: Uint8Array } | undefined {
  const reader = new BinaryReader(bytes);
  while (reader.pos < Math.min(bytes.length, MAX_HEAD_BYTES)) {
    const at = reader.pos;
    const [number, type] = reader.tag();
    if (type !== WireType.LengthDelimited) {
      reader.skip(type, number);
      continue;
    }
    const length = reader.uint32();
    if (reader.pos + length === bytes.length) {
      return number === field ? { before: bytes.subarray(0, at), inside: bytes.subarray(reader.pos) } : undefined;
    }
    reader.pos += length;
  }
  return undefined;
}
