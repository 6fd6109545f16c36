import { createServer } from "node:net";
import { once } from "node:events";
import { expect, test } from "vitest";
import { status } from "@grpc/grpc-js";
import { withStatusDetails } from "@codemode/proto";
import {
  Codemode,
  ComponentRegistry,
  ExecutorBusyError,
  ExecutorConnectionError,
  ExecutorTimeoutError,
} from "../client/src/index.ts";
import { startScripted } from "./scripted-executor.ts";

const client = (url: string, retry: object = {}, connectTimeoutMs = 5_000) =>
  Codemode.fromClientConfig({
    config: { executor: { mode: "remote", url, connectTimeoutMs }, retry: { baseMs: 1, ...retry } },
  });

test.each([status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.RESOURCE_EXHAUSTED])(
  "a run refused with status %i is tried again, under the same execution id",
  async (code) => {
    const ids = new Set<string>();
    await using executor = await startScripted((peer, attempt) => {
      ids.add(peer.start.executionId);
      if (attempt < 3) return peer.fail({ code });
      peer.accept();
      peer.finish(peer.start.attempt);
    });
    await using codemode = client(executor.url, { maxAttempts: 3 });
    expect(await codemode.execute("…")).toMatchObject({ value: 3, attempts: 3 });
    expect(ids.size).toBe(1);
  },
);

test("a full executor is an ExecutorBusyError after the configured attempts", async () => {
  await using executor = await startScripted((peer) => peer.fail({ code: status.RESOURCE_EXHAUSTED }));
  await using codemode = client(executor.url, { maxAttempts: 4 });
  await expect(codemode.execute("…")).rejects.toBeInstanceOf(ExecutorBusyError);
  expect(executor.streams).toBe(4);
});

test("retries can be switched off", async () => {
  await using executor = await startScripted((peer) => peer.fail({ code: status.UNAVAILABLE }));
  await using codemode = client(executor.url, { enabled: false });
  await expect(codemode.execute("…")).rejects.toBeInstanceOf(ExecutorConnectionError);
  expect(executor.streams).toBe(1);
});

test("the executor's RetryInfo wins over the configured wait", async () => {
  await using executor = await startScripted((peer, attempt) => {
    const code = status.RESOURCE_EXHAUSTED;
    if (attempt === 1) return peer.fail({ code, metadata: withStatusDetails(code, "", { retryAfterMs: 20 }) });
    peer.accept();
    peer.finish("in");
  });
  await using codemode = client(executor.url, { baseMs: 60_000, maxMs: 60_000 });
  const started = performance.now();
  expect(await codemode.execute("…")).toMatchObject({ value: "in", attempts: 2 });
  expect(performance.now() - started).toBeGreaterThanOrEqual(19);
});

test("no executor is an ExecutorConnectionError that names the address and the attempts", async () => {
  await using codemode = client("127.0.0.1:1", { maxAttempts: 2 });
  const failing = codemode.execute("…");
  await expect(failing).rejects.toBeInstanceOf(ExecutorConnectionError);
  await expect(failing).rejects.toThrow(/127\.0\.0\.1:1 after 2 attempts/);
});

test("a peer that never speaks is an ExecutorTimeoutError", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  await using codemode = client(`127.0.0.1:${port}`, { maxAttempts: 1 }, 50);
  await expect(codemode.execute("…")).rejects.toBeInstanceOf(ExecutorTimeoutError);
  server.close();
});

test("an abort while waiting for the next attempt is the outcome Cancelled", async () => {
  const caller = new AbortController();
  await using executor = await startScripted((peer) => {
    peer.fail({ code: status.UNAVAILABLE });
    setImmediate(() => caller.abort(new Error("enough")));
  });
  await using codemode = client(executor.url, { baseMs: 60_000, maxMs: 60_000 });
  const outcome = await codemode.execute("…", { signal: caller.signal });
  expect(outcome).toMatchObject({ error: { type: "Cancelled", message: "The app ended the run: enough" } });
});

test("an accepted run whose connection is told to move on is neither cancelled nor tried again", async () => {
  let called = 0;
  const registry = new ComponentRegistry();
  registry.registerTool("pay", { description: "", execute: () => ++called });
  const connectTimeoutMs = 200;
  await using executor = await startScripted(async (peer) => {
    peer.accept();
    peer.call(1, "pay", {});
    await peer.answer();
    executor.goAway();
    peer.timer(2, 3 * connectTimeoutMs); // the time-out to connect has passed when this is answered
    await peer.answer();
    peer.finish("paid");
  });
  const config = { executor: { url: executor.url, connectTimeoutMs }, retry: { baseMs: 1 } };
  await using codemode = Codemode.fromClientConfig({ registry, config });
  expect(await codemode.execute("…")).toMatchObject({ status: "ok", value: "paid", attempts: 1 });
  expect({ called, streams: executor.streams }).toEqual({ called: 1, streams: 1 });
});
