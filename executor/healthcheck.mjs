// Exit 0 when the executor in this container is serving. Speaks the one gRPC call it needs over node:http2, because a
// container asks every few seconds and loading a gRPC library would cost three times as much.
import { readFileSync } from "node:fs";
import { connect } from "node:http2";
import { connect as open } from "node:net";

const listen = process.env.CODEMODE_EXECUTOR_LISTEN || "127.0.0.1:8001";
const certFile = process.env.CODEMODE_EXECUTOR_TLS_CERT_FILE;
const keyFile = process.env.CODEMODE_EXECUTOR_TLS_KEY_FILE;
const asksClients = Boolean(process.env.CODEMODE_EXECUTOR_TLS_CLIENT_CA_FILE);
const port = Number(listen.split(":").at(-1));

function connection() {
  if (listen.startsWith("unix:")) {
    return connect("http://localhost", { createConnection: () => open(listen.slice("unix:".length)) });
  }
  if (!certFile) return connect(`http://127.0.0.1:${port}`);
  // Its certificate is for another name than this, and nothing is told to it that it should not know. An executor that
  // asks for certificates is shown its own.
  const own = asksClients ? { cert: readFileSync(certFile), key: readFileSync(keyFile) } : {};
  return connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, ...own });
}

function fail(why) {
  console.error(why); // `docker inspect` shows it
  process.exit(1);
}

const refused = asksClients
  ? "; it may not accept its own certificate as a client's: that needs clientAuth, by an authority of clients"
  : "";
const session = connection();
session.on("error", ({ code, message }) => {
  const isHangUp = code === "ECONNRESET" || code === "EPIPE"; // how soon it is noticed decides which of the two events comes
  fail(`Cannot reach the executor at ${listen}: ${message}${isHangUp ? refused : ""}`);
});
session.on("close", () => fail(`The executor at ${listen} hung up${refused}`));
setTimeout(() => fail(`The executor at ${listen} does not answer`), 2_000);

const call = session.request({
  ":method": "POST",
  ":path": "/grpc.health.v1.Health/Check",
  "content-type": "application/grpc",
  te: "trailers",
});
const chunks = [];
let answered = false;
call.on("error", () => {}); // the session tells
call.on("response", () => (answered = true));
call.on("data", (chunk) => chunks.push(chunk));
call.on("end", () => {
  const reply = Buffer.concat(chunks).subarray(5); // after the head of its frame: HealthCheckResponse { status: SERVING }
  if (reply.equals(Buffer.from([0x08, 0x01]))) process.exit(0);
  if (answered) fail(`The executor at ${listen} is not serving`);
});
call.end(Buffer.alloc(5)); // an empty HealthCheckRequest
