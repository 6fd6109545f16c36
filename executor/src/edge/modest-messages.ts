import { constants } from "node:http2";
import { type ServerInterceptor, ServerInterceptingCall, status } from "@grpc/grpc-js";
import { http2Stream, isCompressed } from "./grpc-internals.ts";

const EXECUTE = "/codemode.v1.ExecutorService/Execute"; // its messages are counted by Inflow
const MAX_BYTES = 64 * 1024; // of what other calls ask, which is a name at most

/**
 * Ends calls whose messages take what no call needs: compressed ones, which are a thousand times as large in memory as on
 * the wire, and are unpacked before anybody asks for them; and large ones of calls other than Execute.
 */
export const modestMessages: ServerInterceptor = ({ path }, call) =>
  new ServerInterceptingCall(call, {
    start: (next) =>
      next({
        onReceiveMetadata(metadata, pass) {
          const stream = http2Stream(call);
          const refuse = (code: status, details: string): void => {
            call.sendStatus({ code, details });
            stream.close(constants.NGHTTP2_NO_ERROR); // whatever the peer still wants to send
          };
          if (isCompressed(call)) return refuse(status.UNIMPLEMENTED, "Cannot take compressed messages");
          if (path !== EXECUTE) {
            let bytes = 0;
            stream.on("data", (chunk: Buffer) => {
              bytes += chunk.length;
              if (bytes > MAX_BYTES) refuse(status.RESOURCE_EXHAUSTED, `Cannot take more than ${MAX_BYTES} bytes`);
            });
          }
          pass(metadata);
        },
      }),
  });
