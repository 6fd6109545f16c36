import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempDisposableSync, statSync, writeFileSync } from "node:fs";
import { connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { credentials, loadPackageDefinition, Metadata, type ServiceClientConstructor } from "@grpc/grpc-js";
import { fromJSON, loadFileDescriptorSetFromBuffer, loadSync } from "@grpc/proto-loader";
import protobuf from "protobufjs";
import descriptor from "protobufjs/ext/descriptor/index.js";
import { expect, test } from "vitest";
import { type GetInfoResponse, readStatusDetails } from "@codemode/proto";
import { ChildExecutor, connect, isAlive, startInProcess, Stream, unary } from "./executor-fixture.ts";
import { withAsk } from "./journal-fixture.ts";
import { unusedPort } from "./setup/command.ts";

const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;
const key = "a-key-of-16-chars";
const main = fileURLToPath(new URL("../executor/src/main.ts", import.meta.url));

function withHeaders(...values: string[]): Metadata {
  const metadata = new Metadata();
  for (const value of values) metadata.add("authorization", value);
  return metadata;
}

test.each([
  ["no key", []],
  ["a wrong key", ["Bearer wrong"]],
  ["a key that starts right", [`Bearer ${key}x`]],
  ["another scheme", [`Basic ${key}`]],
  ["two keys in one header", [`Bearer ${key}, Bearer ${key}`]],
  ["a header over the cap", [`Bearer ${"x".repeat(600)}`]],
])("a call with %s is UNAUTHENTICATED, and nothing runs", async (_name, headers) => {
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_API_KEY: key });
  await using stream = new Stream(executor.client, undefined, withHeaders(...headers));
  stream.start("return 1");
  stream.call.resume();
  expect((await stream.status).code).toBe(UNAUTHENTICATED);
  const info = unary((reply) => executor.client.getInfo({}, withHeaders(...headers), reply));
  await expect(info).rejects.toMatchObject({ code: UNAUTHENTICATED });
  expect(JSON.stringify(executor.log)).not.toContain("run ended");
  expect(executor.executor.pool.lent).toBe(0);
});

test("a key that gRPC refuses does not get into the log", async () => {
  await using executor = await ChildExecutor.start();
  const said: string[] = [];
  createInterface(executor.child.stderr as Readable).on("line", (line) => said.push(line));
  const session = connectHttp2("http://executor", {
    createConnection: () => createConnection(executor.address.slice(5)),
  });
  const path = "/codemode.v1.ExecutorService/GetInfo";
  const call = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    authorization: "Bearer sécret-key",
  });
  const [headers] = (await once(call, "response")) as [IncomingHttpHeaders];
  expect(headers["grpc-status"] ?? headers[":status"]).toBeDefined();
  session.destroy();
  executor.child.kill("SIGTERM");
  await executor.exited;
  expect(said.join("\n")).not.toContain("cret-key");
});

test("the right key is served, and GetInfo tells what is allowed", async () => {
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_API_KEY: key });
  const info = await unary<GetInfoResponse>((reply) =>
    executor.client.getInfo({}, withHeaders(`Bearer ${key}`), reply),
  );
  expect(info).toMatchObject({ capacity: 1, inFlight: 0, nodeVersion: process.versions.node, replays: true });
  expect(info.maxBudgets?.calls).toBe(100_000);
  expect(await executor.run("return 42")).toMatchObject({ value: 42 });
});

test("health needs no key and follows draining", async () => {
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_API_KEY: key });
  const { address } = executor.executor;
  expect(await health(address)).toBe("SERVING");
  expect(await health(address, "codemode.v1.ExecutorService")).toBe("SERVING");
  await executor.executor.drain(0);
  expect(await health(address)).toBe("NOT_SERVING");
});

/** What the health service says of `service`. */
async function health(address: string, service = ""): Promise<string> {
  const definition = loadPackageDefinition(
    loadSync("proto/grpc/health/v1/health.proto", { enums: String }),
  ) as never as {
    grpc: { health: { v1: { Health: ServiceClientConstructor } } };
  };
  const client = new definition.grpc.health.v1.Health(address, credentials.createInsecure());
  const { status } = await unary<{ status: string }>((reply) => client["check"]?.({ service }, reply));
  client.close();
  return status;
}

test("draining lets open runs end, turns new ones away, and ends late ones UNAVAILABLE", async () => {
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_WORKERS: "2" });
  await using ends = executor.open();
  await using late = executor.open();
  for (const stream of [ends, late]) {
    stream.start("return await tools.ask()", withAsk);
    await stream.next("call");
  }
  const drained = executor.executor.drain(500);
  await using refused = executor.open();
  refused.start("return 1");
  refused.call.resume();
  const status = await refused.status;
  expect(status.code).toBe(UNAVAILABLE);
  expect(readStatusDetails(status.metadata).retryAfterMs).toBeGreaterThan(0);
  ends.answer(1, 7);
  expect((await ends.next("finished")).result).toMatchObject({ $case: "value" });
  late.call.resume();
  expect((await late.status).code).toBe(UNAVAILABLE);
  await drained;
});

test("another language's client can speak the wire by reflection alone", async () => {
  await using executor = await startInProcess();
  const { address } = executor.executor;
  const reflected = await reflect(address, "codemode.v1.ExecutorService");
  const set = loadFileDescriptorSetFromBuffer(reflected, {
    enums: String,
    oneofs: true,
    keepCase: true,
    longs: Number,
  });
  const { codemode } = loadPackageDefinition(set) as never as {
    codemode: { v1: { ExecutorService: ServiceClientConstructor } };
  };
  const client = new codemode.v1.ExecutorService(address, credentials.createInsecure());
  const call = client["Execute"]?.() as never as NodeJS.EventEmitter & { write(message: object): void };
  let finished: { value?: { data: Buffer }; usage?: object } | undefined;
  call.on(
    "data",
    (message: { event: string; call?: { seq: number; arguments: { data: Buffer } }; finished?: typeof finished }) => {
      if (message.event === "finished") finished = message.finished;
      if (message.event !== "call" || !message.call) return;
      const { a, b } = JSON.parse(message.call.arguments.data.toString()) as { a: number; b: number };
      const value = { encoding: "VALUE_ENCODING_JSON", data: Buffer.from(String(a + b)) };
      call.write({ call_result: { seq: message.call.seq, value } });
    },
  );
  call.write({
    start: {
      execution_id: "run-1",
      correlation_id: "cm-1",
      attempt: 1,
      code: "return { sum: await tools.add({ a: 40, b: 2 }) }",
      manifest: { tools: [{ name: "add" }] },
      seed: Buffer.alloc(16, 1),
      clock: { seconds: 1_700_000_000 },
      value_encoding: "VALUE_ENCODING_JSON",
    },
  });
  const [status] = (await once(call, "status")) as [{ code: number }];
  expect(status.code).toBe(0);
  expect(JSON.parse(finished?.value?.data.toString() ?? "")).toEqual({ sum: 42 });
  expect(finished?.usage).toMatchObject({ calls: 1 });
  client.close();
});

test("reflection can be switched off", async () => {
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_REFLECTION: "false" });
  await expect(reflect(executor.executor.address, "codemode.v1.ExecutorService")).rejects.toMatchObject({ code: 12 });
});

test("the end of the lifeline ends the process and its busy workers", async () => {
  await using executor = await ChildExecutor.start();
  await expect.poll(() => executor.workers).toHaveLength(2); // they come after it listens
  const { workers } = executor;
  const client = connect(executor.address);
  await using stream = new Stream(client, executor.key);
  stream.start("for (;;);");
  await stream.next("accepted");
  executor.lifeline.destroy();
  await executor.exited;
  stream.call.resume();
  await stream.status;
  await expect.poll(() => workers.filter(isAlive)).toEqual([]);
  client.close();
});

test("a private socket is for its owner alone", async () => {
  await using executor = await ChildExecutor.start();
  expect(statSync(executor.address.slice("unix:".length)).mode & 0o777).toBe(0o600);
  const client = connect(executor.address);
  await expect(unary((reply) => client.getInfo({}, reply))).rejects.toMatchObject({ code: UNAUTHENTICATED });
  client.close();
});

test("SIGTERM drains, which health and /readyz tell at once, and a second one does not wait", async () => {
  const adminAddress = `127.0.0.1:${await unusedPort()}`;
  await using executor = await ChildExecutor.start({ CODEMODE_EXECUTOR_ADMIN_LISTEN: adminAddress });
  const client = connect(executor.address);
  await using stream = new Stream(client, executor.key);
  stream.start("await new Promise((done) => setTimeout(done, 60_000))");
  await stream.next("idle");
  const { workers } = executor;
  const readiness = async () => (await fetch(`http://${adminAddress}/readyz`)).status;
  expect([await readiness(), await health(executor.address)]).toEqual([200, "SERVING"]);
  const draining = executor.logs("draining");
  executor.child.kill("SIGTERM");
  await draining; // a signal and a stream have no order between them
  expect([await readiness(), await health(executor.address)]).toEqual([503, "NOT_SERVING"]);
  await using refused = new Stream(client, executor.key);
  refused.start("return 1");
  refused.call.resume();
  expect((await refused.status).code).toBe(UNAVAILABLE);
  executor.child.kill("SIGTERM");
  expect(await executor.exited).toEqual([0, null]);
  stream.call.resume();
  expect((await stream.status).code).not.toBe(0);
  await expect.poll(() => workers.filter(isAlive)).toEqual([]);
  client.close();
});

test("a dead socket is replaced, and nothing else", async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), "cm-"));
  const path = join(folder.path, "s");
  const listening = { CODEMODE_EXECUTOR_LISTEN: `unix:${path}` };
  const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  await once(spawn(process.execPath, ["-e", script]), "exit");
  expect(existsSync(path)).toBe(true);
  {
    await using executor = await startInProcess(listening);
    expect(await executor.run("return 1")).toMatchObject({ value: 1 });
    await expect(startInProcess(listening)).rejects.toThrow(/another process listens/);
  }
  writeFileSync(path, "precious");
  await expect(startInProcess(listening)).rejects.toThrow(/no socket/);
  expect(existsSync(path)).toBe(true);
});

test.each([
  [
    "an open port without a key",
    { CODEMODE_EXECUTOR_LISTEN: "0.0.0.0:0" },
    /Cannot listen on 0\.0\.0\.0:0 without a key: set CODEMODE_EXECUTOR_API_KEY/,
  ],
  ["a key twice", { CODEMODE_EXECUTOR_API_KEY: "a", CODEMODE_EXECUTOR_API_KEY_FILE: "/b" }, /both set/],
  [
    "no number",
    { CODEMODE_EXECUTOR_WORKERS: "many" },
    /CODEMODE_EXECUTOR_WORKERS: expected a whole number from 1 to 1024, received "many"/,
  ],
  [
    "no address",
    { CODEMODE_EXECUTOR_LISTEN: "nowhere" },
    /CODEMODE_EXECUTOR_LISTEN: expected host:port or unix:path, received "nowhere"/,
  ],
])("start-up is refused with exit code 78: %s", async (_name, env, message) => {
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  expect(await once(child, "close")).toEqual([78, null]);
  expect(said).toMatch(message);
});

test("a port that is taken is told by its address", async () => {
  await using server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const started = startInProcess({ CODEMODE_EXECUTOR_LISTEN: `127.0.0.1:${port}` });
  await expect(started).rejects.toThrow(`Cannot listen on 127.0.0.1:${port}`);
});

/** The FileDescriptorSet that the reflection service gives for `symbol`, without any of our files. */
async function reflect(address: string, symbol: string): Promise<Buffer> {
  const root = protobuf.parse(
    `syntax = "proto3"; package grpc.reflection.v1;
     service ServerReflection { rpc ServerReflectionInfo(stream Request) returns (stream Response); }
     message Request { oneof message_request { string file_by_filename = 3; string file_containing_symbol = 4; } }
     message Response { oneof message_response { Files file_descriptor_response = 4; } }
     message Files { repeated bytes file_descriptor_proto = 1; }`,
    { keepCase: true },
  ).root;
  const { grpc } = loadPackageDefinition(fromJSON(root.toJSON(), { keepCase: true })) as never as {
    grpc: { reflection: { v1: { ServerReflection: ServiceClientConstructor } } };
  };
  const client = new grpc.reflection.v1.ServerReflection(address, credentials.createInsecure());
  const call = client["ServerReflectionInfo"]?.() as never as NodeJS.EventEmitter &
    AsyncIterable<{ file_descriptor_response: { file_descriptor_proto: Buffer[] } }> & {
      write(message: object): void;
      end(): void;
    };
  try {
    call.write({ file_containing_symbol: symbol });
    call.end();
    const files: Buffer[] = [];
    for await (const { file_descriptor_response } of call)
      files.push(...file_descriptor_response.file_descriptor_proto);
    const file = files.map((bytes) => descriptor.FileDescriptorProto.decode(bytes));
    return Buffer.from(descriptor.FileDescriptorSet.encode({ file }).finish());
  } finally {
    client.close();
  }
}
