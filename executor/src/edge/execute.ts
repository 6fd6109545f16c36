import { constants } from "node:http2";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import { CodemodeError } from "@codemode/proto";
import { Batch, type Call as CallOfProgram, type ClientMessage, type ExecutorMessage } from "@codemode/proto/messages";
import { Refusal } from "../session/refusal.ts";
import { Session } from "../session/session.ts";
import type { Incoming, Outgoing, RunStream, SessionHost } from "../session/stream.ts";
import { decodeClientMessage } from "./decode.ts";
import { http2Stream } from "./grpc-internals.ts";
import type { Outbox } from "./outbox.ts";
import { toStatus } from "./status.ts";

/** An Execute call. Its messages come as bytes, so that they can be looked at before they are decoded. */
export type Call = ServerDuplexStream<Buffer, ExecutorMessage>;

/** Gives an Execute call to a session of its own. */
export function openSession(call: Call, host: SessionHost, outbox: Outbox): Session {
  const stream = new CallStream(call, outbox);
  const session = new Session(stream, host);
  call.on("data", (bytes: Buffer) => {
    try {
      const { event } = decodeClientMessage(bytes);
      if (event?.$case === "start") stream.takesBatches = event.value.takesBatches;
      for (const one of single(event)) session.receive(one);
    } catch (error) {
      if (CodemodeError.is(error)) session.stop(error);
      else throw error;
    }
  });
  call.on("end", () => session.halfClosed());
  call.on("cancelled", () => session.stop());
  call.on("error", () => session.stop()); // an oversize message, or one that cannot be unpacked; grpc-js has sent the status
  return session;
}

/** Ends a call that gets no session. */
export function turnAway(call: Call, error: CodemodeError): void {
  call.on("error", () => {});
  // Nothing more is wanted of the peer. It would reset the stream itself, and to HTTP/2 many resets are an attack.
  call.once("cancelled", () => http2Stream(call).close(constants.NGHTTP2_NO_ERROR));
  call.emit("error", toStatus(error));
}

/** What a message says, or each answer of a batch as if it had come by itself. */
function single(event: ClientMessage["event"]): readonly Incoming[] {
  if (event?.$case !== "callResultBatch") return [event];
  const { results } = event.value;
  if (results.length === 0) throw new Refusal("call_result_batch", "it is empty");
  return results.map((value) => ({ $case: "callResult", value }));
}

/** The Execute call, as its session uses it. */
class CallStream implements RunStream {
  takesBatches = false;
  readonly #call: Call;
  readonly #outbox: Outbox;
  readonly #calls = new Batch<CallOfProgram>((calls) => {
    const [only, another] = calls;
    if (only) this.#send(another ? { $case: "callBatch", value: { calls } } : { $case: "call", value: only });
  });
  #ended = false;
  #lastBytes = 0;

  constructor(call: Call, outbox: Outbox) {
    this.#call = call;
    this.#outbox = outbox;
  }

  write(event: Outgoing): boolean {
    const isCall = event.$case === "call" && this.takesBatches;
    if (!isCall || !this.#calls.add(event.value, event.value.arguments?.data.length ?? 0)) {
      this.#calls.flush();
      this.#send(event);
    }
    return !this.#call.writableNeedDrain;
  }

  onRoom(listener: () => void): void {
    this.#call.once("drain", listener);
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  end(error?: CodemodeError): void {
    if (this.#ended) return;
    this.#ended = true;
    if (!error) this.#call.end();
    else this.#call.emit("error", toStatus(error)); // how grpc-js takes a status of a stream
    this.#outbox.add(this.#call, this.#lastBytes);
  }

  #send(event: Outgoing): void {
    if (this.#ended) return;
    this.#lastBytes = sizeOf(event);
    this.#call.write({ event });
  }
}

/** What of the last message is worth counting. */
function sizeOf(event: Outgoing): number {
  return event.$case === "finished" && event.value.result?.$case === "value" ? event.value.result.value.data.length : 0;
}
