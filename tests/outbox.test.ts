import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { ClientMessage, toDuration } from "@codemode/proto";
import { expect, test } from "vitest";
import { startInProcess, startOf } from "./executor-fixture.ts";

const BIG = 3 * 1024 * 1024;
const budgets = {
  wallTime: toDuration(10_000),
  waitTime: undefined,
  cpuTime: toDuration(10_000),
  resultBytes: BigInt(BIG),
};

/** An Execute stream whose peer lets `window` bytes in and reads none. */
function deaf(session: ClientHttp2Session, code: string): ClientHttp2Stream {
  const path = "/codemode.v1.ExecutorService/Execute";
  const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
  const stream = session.request(headers, { endStream: false });
  const message = ClientMessage.encode({ event: { $case: "start", value: startOf(code, { budgets }) } }).finish();
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  stream.write(Buffer.concat([head, message]));
  stream.on("error", () => {}); // the reset, which "close" tells
  return stream;
}

/** A reset is an error as well, which is what is waited for here. */
function closed(stream: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => stream.once("close", () => resolve()));
}

test("a peer that never reads its result has its stream reset, and the executor goes on", async () => {
  await using executor = await startInProcess();
  const session = connect(`http://${executor.executor.address}`, { settings: { initialWindowSize: 1_000 } });
  const stream = deaf(session, `return "x".repeat(${BIG - 2})`);
  await closed(stream);
  expect(stream.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  expect(await executor.run("return 1")).toMatchObject({ value: 1 });
  session.destroy();
});

test("results that nobody reads are bounded in all: the oldest are given up first", async () => {
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_QUEUE: "30" });
  const session = connect(`http://${executor.executor.address}`, { settings: { initialWindowSize: 1_000 } });
  const first = deaf(session, `return "x".repeat(${BIG - 2})`);
  const ended: number[] = [];
  first.once("close", () => ended.push(0));
  for (let index = 1; index <= 24; index++) {
    deaf(session, `return "x".repeat(${BIG - 2})`).once("close", () => ended.push(index));
  }
  await closed(first);
  expect([ended[0], first.rstCode]).toEqual([0, constants.NGHTTP2_ENHANCE_YOUR_CALM]);
  session.destroy();
});
