import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { status } from "@grpc/grpc-js";
import { Budgets, CallError, toDuration, ValueEncoding } from "@codemode/proto";
import { encode } from "@codemode/proto/values";
import { expect, test } from "vitest";
import { logger } from "../executor/src/log.ts";
import { ChildExecutor, connect, Stream } from "./executor-fixture.ts";

// What an executor logs: JSON, a line for each thing, with the ids of the run and nothing of what it is about.

const MARK = "hush";
/** Each has the mark, and tells where it was put. */
const marked = (place: string): string => `${MARK}-${place}`;

const tool = (name: string) => ({
  name,
  description: marked("description"),
  inputSchemaJson: `{"title":"${marked("schema")}"}`,
  outputSchemaJson: "",
});
const START = {
  components: { $case: "manifest" as const, value: { tools: [tool("ask"), tool("fail")], agents: [] } },
  context: { encoding: ValueEncoding.VALUE_ENCODING_EXACT, data: Buffer.from(encode({ a: marked("context") })) },
  config: { encoding: ValueEncoding.VALUE_ENCODING_EXACT, data: Buffer.from(encode({ a: marked("config") })) },
  budgets: { ...Budgets.decode(Buffer.alloc(0)), cpuTime: toDuration(300) },
  fileName: `${marked("file")}.js`,
};

type Json = Readonly<Record<string, unknown>>;

/** Runs `code`, answering each call with a secret, or an error that has one. Resolves with the status of the stream. */
async function run(stream: Stream, code: string, start = {}): Promise<number> {
  stream.start(code, { ...START, executionId: "run-1", correlationId: "request-1", ...start });
  for (;;) {
    const call = await stream.next("call").catch(() => undefined);
    if (!call) return (await stream.status).code;
    const error = { ...CallError.decode(Buffer.alloc(0)), name: marked("name"), message: marked("message") };
    const value = { encoding: ValueEncoding.VALUE_ENCODING_EXACT, data: Buffer.from(encode(marked("answer"))) };
    const result =
      call.name === "fail" ? ({ $case: "error", value: error } as const) : ({ $case: "value", value } as const);
    stream.send({ $case: "callResult", value: { seq: call.seq, result, settledAt: new Date() } });
  }
}

test("no secret of a run is in the log, by whatever way it comes, and its ids are", async () => {
  const key = marked("key");
  await using executor = await ChildExecutor.start({ CODEMODE_EXECUTOR_LOG_LEVEL: "info" }, key);
  const client = connect(executor.address);
  const ways = {
    "a value": `return "${marked("value")}"`,
    "an error": `throw new Error("${marked("error")}")`,
    "what is no error": `throw "${marked("thrown")}"`,
    "a syntax error": `return "${marked("syntax")}" +`,
    "a reference error": `return ${MARK}_reference`,
    "a log line": `console.log("${marked("log")}"); console.error("${marked("console")}")`,
    "an output": `text("${marked("output")}")`,
    "an argument": `return await tools.ask({ a: "${marked("argument")}" })`,
    "a tool error": "await tools.fail({})",
    "a tool error that is caught": "try { await tools.fail({}) } catch (error) { return error.message }",
    "an unknown tool": `await tools["${marked("tool")}"]({})`,
    "the context": "return context.a + config.a",
    "too much CPU": `/* ${marked("comment")} */ for (;;);`,
    "too much memory": `return ["${marked("memory")}", new Uint8Array(1 << 28).fill(1).length]`,
    "too large a result": `return "${marked("large")}".repeat(1e6)`,
  };
  for (const [way, code] of Object.entries(ways)) {
    await using stream = new Stream(client, key);
    expect({ way, status: await run(stream, code) }).toEqual({ way, status: status.OK });
  }
  for (const wrong of [
    { executionId: `${marked("id")} !` },
    { tenant: MARK.repeat(100) },
    { seed: Buffer.from(MARK) },
  ]) {
    await using stream = new Stream(client, key);
    expect(await run(stream, "return 1", wrong)).toBe(status.INVALID_ARGUMENT);
  }
  {
    await using stream = new Stream(client, marked("wrongKey"));
    expect(await run(stream, "return 1")).toBe(status.UNAUTHENTICATED);
  }
  {
    await using stream = new Stream(client, key);
    stream.sendRaw(Buffer.from(marked("garbage")));
    stream.call.resume();
    expect((await stream.status).code).toBe(status.INVALID_ARGUMENT);
  }
  client.close();
  const draining = executor.logs("draining");
  executor.child.kill("SIGTERM");
  await draining;
  await executor.exited;

  const lines = executor.lines.map((line) => JSON.parse(line) as Json);
  expect(executor.lines.filter((line) => line.includes(MARK))).toEqual([]);
  for (const line of lines) {
    expect(line).toMatchObject({
      level: expect.stringMatching(/^(info|warn)$/),
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/),
    });
  }
  const ended = lines.filter(({ msg }) => msg === "run ended");
  const withIds = ended.filter(
    ({ executionId, correlationId }) => executionId === "run-1" && correlationId === "request-1",
  );
  expect(withIds).toHaveLength(Object.keys(ways).length);
  expect(new Set(withIds.map(({ outcome }) => outcome)).size).toBeGreaterThan(4);
});

test("an executor whose log nobody reads goes on", async () => {
  await using executor = await ChildExecutor.start({ CODEMODE_EXECUTOR_LOG_LEVEL: "info" });
  executor.child.stderr?.removeAllListeners("data").pause();
  const client = connect(executor.address);
  const ids = { executionId: "e".repeat(128), correlationId: "c".repeat(128) };
  for (let runs = 0; runs < 900; runs++) {
    // over what the pipe and its two ends hold
    await using stream = new Stream(client, executor.key);
    expect(await run(stream, "return 1", ids)).toBe(status.OK);
  }
  client.close();
});

test("lines that wait for a reader are bounded, and it is told how many it has missed", async () => {
  const reader = spawn("sh", ["-c", "read first; cat"], { stdio: ["pipe", "pipe", "inherit"] });
  const { stdin, stdout } = reader;
  reader.kill("SIGSTOP");
  const log = logger("info", () => stdin);
  const text = "x".repeat(1_000);
  for (let lines = 0; lines < 5_000; lines++) log.info({ text }, "line");
  expect(stdin.writableLength).toBeGreaterThan(1024 * 1024);
  expect(stdin.writableLength).toBeLessThan(1024 * 1024 + 1_200);
  const lines: Json[] = [];
  createInterface(stdout).on("line", (line) => lines.push(JSON.parse(line) as Json));
  reader.kill("SIGCONT");
  await once(stdin, "drain");
  log.warn({}, "at last");
  stdin.end();
  await once(reader, "close");
  const [told, last] = lines.slice(-2);
  expect(last).toMatchObject({ level: "warn", msg: "at last" });
  expect(told?.["dropped"]).toBe(5_000 - (lines.length - 2) - 1); // the first line is read by itself
});

test("a log whose reader is gone ends nothing", async () => {
  const reader = spawn("true", { stdio: ["pipe", "ignore", "ignore"] });
  const log = logger("info", () => reader.stdin);
  await once(reader, "exit");
  for (let lines = 0; lines < 3; lines++) log.info({}, "line");
  await new Promise((resolve) => setImmediate(resolve));
  expect(reader.stdin.destroyed).toBe(true);
});
