import { constants } from "node:http2";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import { CodemodeError, type ExecutorMessage } from "@codemode/proto";
import { Session } from "../session/session.ts";
import type { Outgoing, RunStream, SessionHost } from "../session/stream.ts";
import { decodeClientMessage } from "./decode.ts";
import { http2Stream } from "./grpc-internals.ts";
import type { Outbox } from "./outbox.ts";
import { toStatus } from "./status.ts";

/** An Execute call. Its messages come as bytes, so that they can be looked at before they are decoded. */
export type Call = ServerDuplexStream<Buffer, ExecutorMessage>;

/** Gives an Execute call to a session of its own. */
export function openSession(call: Call, host: SessionHost, outbox: Outbox): Session {
  const session = new Session(asRunStream(call, outbox), host);
  call.on("data", (bytes: Buffer) => {
    try {
      session.receive(decodeClientMessage(bytes));
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

function asRunStream(call: Call, outbox: Outbox): RunStream {
  let ended = false;
  let lastBytes = 0;
  return {
    write(event) {
      lastBytes = sizeOf(event);
      return call.write({ event });
    },
    onRoom: (listener) => void call.once("drain", listener),
    pause: () => void call.pause(),
    resume: () => void call.resume(),
    end(error) {
      if (ended) return;
      ended = true;
      if (!error) call.end();
      else call.emit("error", toStatus(error)); // how grpc-js takes a status of a stream
      outbox.add(call, lastBytes);
    },
  };
}

/** What of the last message is worth counting. */
function sizeOf(event: Outgoing): number {
  return event.$case === "finished" && event.value.result?.$case === "value" ? event.value.result.value.data.length : 0;
}
