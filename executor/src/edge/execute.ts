import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { ClientMessage, CodemodeError, ExecutorMessage } from "@codemode/proto";
import { Session } from "../session/session.ts";
import type { RunStream, SessionHost } from "../session/stream.ts";
import { toStatus } from "./status.ts";

type Call = ServerDuplexStream<ClientMessage, ExecutorMessage>;

/** Gives an Execute call to a session of its own. */
export function openSession(call: Call, host: SessionHost): Session {
  const session = new Session(asRunStream(call), host);
  call.on("data", (message: ClientMessage) => session.receive(message));
  call.on("end", () => session.halfClosed());
  call.on("cancelled", () => session.stop());
  call.on("error", () => session.stop()); // an undecodable or oversize message; grpc-js has sent the status
  return session;
}

/** Ends a call that gets no session. */
export function turnAway(call: Call, error: CodemodeError): void {
  call.on("error", () => {});
  call.emit("error", toStatus(error));
}

function asRunStream(call: Call): RunStream {
  let ended = false;
  return {
    write: (event) => call.write({ event }),
    onRoom: (listener) => void call.once("drain", listener),
    pause: () => void call.pause(),
    resume: () => void call.resume(),
    end(error) {
      if (ended) return;
      ended = true;
      if (!error) call.end();
      else call.emit("error", toStatus(error)); // how grpc-js takes a status of a stream
    },
  };
}
