// Exit 0 when the executor in this container is serving. Speaks the one gRPC call it needs over node:http2, because a
// container asks every few seconds and loading a gRPC library would cost three times as much.
import { connect } from "node:http2";
import { connect as open } from "node:net";

const listen = process.env.CODEMODE_EXECUTOR_LISTEN ?? "127.0.0.1:8001";
const address = listen.startsWith("unix:")
  ? { path: listen.slice("unix:".length) }
  : { host: "127.0.0.1", port: Number(listen.split(":").at(-1)) };
const session = connect("http://localhost", { createConnection: () => open(address) });
const fail = () => process.exit(1);
session.on("error", fail);
setTimeout(fail, 2_000);

const call = session.request({
  ":method": "POST",
  ":path": "/grpc.health.v1.Health/Check",
  "content-type": "application/grpc",
  te: "trailers",
});
const chunks = [];
call.on("error", fail);
call.on("data", (chunk) => chunks.push(chunk));
// A frame of five bytes, then HealthCheckResponse { status: SERVING }.
call.on("end", () =>
  process.exit(
    Buffer.concat(chunks)
      .subarray(5)
      .equals(Buffer.from([0x08, 0x01]))
      ? 0
      : 1,
  ),
);
call.end(Buffer.alloc(5)); // an empty HealthCheckRequest
