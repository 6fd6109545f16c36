import { constants } from "node:http2";
import { type ServerInterceptor, ServerInterceptingCall, status } from "@grpc/grpc-js";
import { http2Stream } from "./grpc-internals.ts";

const WITHIN_MS = 5_000;

/** Ends calls of one message that never send it; grpc-js would wait for ever. Execute has a time of its own. */
export const firstMessageInTime: ServerInterceptor = ({ requestStream }, call) => {
  if (requestStream) return new ServerInterceptingCall(call);
  let due: NodeJS.Timeout | undefined;
  const end = (): void => {
    const details = `Cannot wait for the message any longer than ${WITHIN_MS} ms`;
    call.sendStatus({ code: status.DEADLINE_EXCEEDED, details });
    http2Stream(call).close(constants.NGHTTP2_NO_ERROR);
  };
  return new ServerInterceptingCall(call, {
    start: (next) =>
      next({
        onReceiveMetadata(metadata, pass) {
          due = setTimeout(end, WITHIN_MS);
          pass(metadata);
        },
        onReceiveMessage(message, pass) {
          clearTimeout(due);
          pass(message);
        },
        onCancel: () => clearTimeout(due),
      }),
  });
};
