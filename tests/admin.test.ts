import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { CallKind } from "@codemode/proto";
import { expect, test } from "vitest";
import { Codemode, ComponentRegistry } from "../client/src/index.ts";
import { ToolLabels } from "../executor/src/admin/tool-labels.ts";
import { launch } from "../executor/src/pool/launch.ts";
import { Keep } from "../executor/src/session/keep.ts";
import { type Fixture, startInProcess, Stream } from "./executor-fixture.ts";
import { readMetrics, total } from "./metrics-reader.ts";
import { held } from "./scripted-client.ts";

const ADMIN = { CODEMODE_EXECUTOR_ADMIN_LISTEN: "127.0.0.1:0" };

const statusOf = async ({ executor }: Fixture, path: string): Promise<number> =>
  (await fetch(`http://${executor.adminAddress}${path}`)).status;

/** A client of `executor` with these tools. */
function clientOf({ executor }: Fixture, tools: Readonly<Record<string, () => unknown>>): Codemode {
  const registry = new ComponentRegistry();
  for (const [name, execute] of Object.entries(tools)) registry.registerTool(name, { description: "", execute });
  return Codemode.fromClientConfig({ registry, config: { executor: { url: executor.address } } });
}

test("the metrics of one run with three tool calls, one of which fails, add up", async () => {
  await using executor = await startInProcess({ ...ADMIN, CODEMODE_EXECUTOR_WORKERS: "2" });
  const pay = held();
  const fails = (): never => {
    throw new Error("no");
  };
  await using codemode = clientOf(executor, { add: () => 42, fails, pay: () => pay.handler({} as never, {} as never) });
  const outcome = codemode.execute(`
    await new Promise((done) => setTimeout(done, 1));
    const [sum] = await Promise.all([tools.add({}), tools.fails({}).catch(() => {})]);
    await tools.pay({});
    return sum;`);
  // While it waits for the third.
  const waiting = () =>
    readMetrics(executor.executor.adminAddress).then((metrics) => [
      metrics.get("codemode_executions_in_flight"),
      total(metrics, "codemode_tool_calls_total"),
      total(metrics, "codemode_executions_total"),
    ]);
  await expect.poll(waiting).toEqual([1, 2, 0]);
  pay.resolve("paid");
  expect(await outcome).toMatchObject({ status: "ok", value: 42 });

  const metrics = await readMetrics(executor.executor.adminAddress);
  expect(Object.fromEntries(metrics)).toMatchObject({
    'codemode_executions_total{outcome="ok"}': 1,
    codemode_executions_in_flight: 0,
    codemode_execution_capacity: 2,
    codemode_execution_duration_seconds_count: 1,
    'codemode_tool_calls_total{tool="add",outcome="ok"}': 1,
    'codemode_tool_calls_total{tool="fails",outcome="error"}': 1,
    'codemode_tool_calls_total{tool="pay",outcome="ok"}': 1,
    codemode_tool_call_duration_seconds_count: 3,
    codemode_isolate_heap_bytes_count: 1,
  });
  expect(total(metrics, "codemode_tool_calls_total")).toBe(3);
  expect(total(metrics, "codemode_executions_total")).toBe(1);
  expect(total(metrics, "codemode_rejections_total")).toBe(0);
  expect(total(metrics, "codemode_build_info")).toBe(1);
  expect(total(metrics, "codemode_isolate_pool_size")).toBe(2);
  const sum = (name: string): number => metrics.get(`codemode_${name}`) ?? Number.NaN;
  const tools = sum("tool_call_duration_seconds_sum");
  expect(tools).toBeGreaterThan(0);
  expect(sum("execution_duration_seconds_sum")).toBeGreaterThan(0);
  expect(sum("isolate_heap_bytes_sum")).toBeGreaterThan(100_000);
  const cpu = sum("isolate_cpu_seconds_total");
  expect(cpu).toBeGreaterThan(0);
  expect(cpu).toBeLessThan(sum("execution_duration_seconds_sum"));
});

test("what becomes of a run and of its calls is told by their labels", async () => {
  await using executor = await startInProcess({
    ...ADMIN,
    CODEMODE_EXECUTOR_API_KEY: "right",
    CODEMODE_EXECUTOR_QUEUE: "1",
  });
  const { client } = executor;
  const tool = { name: "hang", description: "", inputSchemaJson: "", outputSchemaJson: "" };
  const withHang = { components: { $case: "manifest" as const, value: { tools: [tool], agents: [] } } };
  const ends = async (key: string, code: string, start = {}) => {
    await using stream = new Stream(client, key);
    stream.start(code, start);
    stream.call.resume();
    return (await stream.status).code;
  };
  await ends("right", "throw new Error('x')");
  await ends("right", "return 1");
  await ends("wrong", "return 1");
  await ends("right", "return 1", { attempt: 0 });
  await using lost = new Stream(client, "right");
  lost.start("await tools.hang({})", withHang);
  await lost.next("call");
  await using busy = new Stream(client, "right");
  busy.start("for (;;);"); // the run that waits makes room for it
  await busy.next("accepted");
  await using waiting = new Stream(client, "right");
  waiting.start("return 1");
  await ends("right", "return 1"); // nobody else may wait
  for (const stream of [waiting, busy, lost]) {
    stream.send({ $case: "cancel", value: { reason: "" } });
    stream.call.resume();
  }
  const counted = async () => {
    const metrics = await readMetrics(executor.executor.adminAddress);
    return Object.fromEntries([...metrics].filter(([name]) => /_(executions|tool_calls|rejections)_total/.test(name)));
  };
  await expect.poll(counted).toEqual({
    'codemode_executions_total{outcome="RuntimeError"}': 1,
    'codemode_executions_total{outcome="ok"}': 1,
    'codemode_executions_total{outcome="Cancelled"}': 2,
    'codemode_tool_calls_total{tool="hang",outcome="abandoned"}': 1,
    'codemode_rejections_total{reason="UNAUTHENTICATED"}': 1,
    'codemode_rejections_total{reason="INVALID_ARGUMENT"}': 1,
    'codemode_rejections_total{reason="BUSY"}': 1,
    'codemode_rejections_total{reason="Cancelled"}': 1,
  });
});

test("a hundred tools are told apart, and the others are one", () => {
  const labels = new ToolLabels();
  const kind = CallKind.CALL_KIND_TOOL;
  const given = Array.from({ length: 150 }, (_, index) => labels.of({ kind, name: `tool${index}` }));
  expect(given.slice(0, 100)).toEqual(Array.from({ length: 100 }, (_, index) => `tool${index}`));
  expect(new Set(given.slice(100))).toEqual(new Set(["other"]));
  expect(labels.of({ kind, name: "tool7" })).toBe("tool7");
  expect(labels.of({ kind: CallKind.CALL_KIND_AGENT, name: "tool7" })).toBe("other");
});

test("/readyz is 503 while no worker can be started, and /healthz is not", async () => {
  let isBroken = false;
  const orBroken = () => launch(isBroken ? { workerPath: "/nowhere.js" } : {});
  await using executor = await startInProcess(ADMIN, new Keep(), orBroken);
  expect(await statusOf(executor, "/readyz")).toBe(200);
  isBroken = true;
  for (const pid of executor.executor.pool.pids) process.kill(pid, "SIGKILL");
  await expect.poll(() => statusOf(executor, "/readyz")).toBe(503);
  expect(await statusOf(executor, "/healthz")).toBe(200);
  isBroken = false;
  await expect.poll(() => statusOf(executor, "/readyz"), { timeout: 15_000 }).toBe(200);
});

test("/readyz is 503 as soon as the executor drains, while its run goes on", async () => {
  await using executor = await startInProcess(ADMIN);
  await using stream = executor.open();
  stream.start("await new Promise((done) => setTimeout(done, 60_000)); return 7");
  const { awaited } = await stream.next("idle");
  const drained = executor.executor.drain(60_000);
  expect(await statusOf(executor, "/readyz")).toBe(503);
  expect(await statusOf(executor, "/healthz")).toBe(200);
  stream.answer(awaited[0] ?? 0, undefined);
  await stream.next("finished");
  await drained;
});

test("only GET and HEAD of the three pages are answered, and every answer ends its connection", async () => {
  await using executor = await startInProcess(ADMIN);
  const ask = async (path: string, method = "GET") => {
    const response = await fetch(`http://${executor.executor.adminAddress}${path}`, { method });
    return { status: response.status, connection: response.headers.get("connection"), body: await response.text() };
  };
  const connection = "close";
  expect(await ask("/healthz?verbose")).toEqual({ status: 200, connection, body: "ok\n" });
  expect(await ask("/metrics", "HEAD")).toEqual({ status: 200, connection, body: "" });
  expect(await ask("/")).toMatchObject({ status: 404, connection });
  expect(await ask("/metrics", "POST")).toMatchObject({ status: 405, connection });
  expect(await ask("/metrics", "DELETE")).toMatchObject({ status: 405, connection });
});

test("a peer that sends too much, or too slowly, or comes too often, is cut off", async () => {
  await using executor = await startInProcess(ADMIN);
  const [host = "", port = ""] = executor.executor.adminAddress?.split(":") ?? [];
  const open = (): Socket => connect(Number(port), host).on("error", () => {}); // resets are what is tested
  const large = open();
  large.write(`GET /healthz HTTP/1.1\r\nhost: a\r\nx: ${"x".repeat(9_000)}\r\n\r\n`);
  expect(await text(large)).toMatch(/^HTTP\/1.1 431 /);
  const silent = open();
  const slow = open();
  slow.write("GET /healthz HTTP/1.1\r\n");
  await Promise.all([once(silent, "connect"), once(slow, "connect")]);
  const crowd = Array.from({ length: 80 }, open);
  const closed = crowd.map((socket) => once(socket, "close"));
  await Promise.race(closed); // of those that are too many
  expect([silent.readyState, slow.readyState]).toEqual(["open", "open"]);
  await Promise.all([once(silent, "close"), once(slow, "close"), ...closed]);
  expect(await statusOf(executor, "/healthz")).toBe(200);
});

test("an admin port that is taken is told by its address, and no worker is left", async () => {
  await using server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const started = startInProcess({ CODEMODE_EXECUTOR_ADMIN_LISTEN: `127.0.0.1:${port}` });
  await expect(started).rejects.toThrow(`Cannot listen on 127.0.0.1:${port} for admin`);
});

test("without an address there is no admin server", async () => {
  await using executor = await startInProcess();
  expect(executor.executor.adminAddress).toBeUndefined();
});
