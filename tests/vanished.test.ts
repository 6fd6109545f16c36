import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { Codemode, ComponentRegistry } from "../client/src/index.ts";
import { startInProcess } from "./executor-fixture.ts";

// A host that vanishes closes nothing: pings find it. Most of a minute of waiting, so in a file of its own, beside others.

const FOUND_WITHIN_MS = 25_000; // as PROTOCOL.md has it

/** A way to an executor, on which from some moment on everything is taken and nothing passes. */
async function wayTo(url: string) {
  const sockets = new Set<Socket>();
  const [host, port] = [url.slice(0, url.lastIndexOf(":")), Number(url.slice(url.lastIndexOf(":") + 1))];
  let isCut = false;
  const server = createServer((socket) => {
    const inner = connect(port, host);
    for (const [one, other] of [
      [socket, inner],
      [inner, socket],
    ] as const) {
      sockets.add(one);
      one.on("data", (chunk: Buffer) => isCut || other.write(chunk));
      one.on("error", () => {});
      one.on("close", () => isCut || other.destroy());
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    vanish() {
      isCut = true;
      server.close(); // for those who come new, nobody is there
    },
    [Symbol.dispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

test("a run whose executor's host has vanished goes on elsewhere, with no call made twice", async () => {
  await using first = await startInProcess();
  await using second = await startInProcess();
  using way = await wayTo(first.executor.address);
  const registry = new ComponentRegistry();
  const made: number[] = [];
  let vanishedAt = 0;
  registry.registerTool("work", {
    description: "",
    execute: ({ n }: { n: number }) => {
      made.push(n);
      if (n === 2) {
        way.vanish();
        vanishedAt = performance.now();
      }
      return n * 10;
    },
  });
  const url = `${way.url},${second.executor.address}`;
  await using codemode = Codemode.fromClientConfig({ registry, config: { executor: { mode: "remote", url } } });
  const outcome = await codemode.execute(
    "const all = []; for (const n of [1, 2, 3]) all.push(await tools.work({ n })); return all",
  );
  const tookMs = performance.now() - vanishedAt;
  expect(outcome).toMatchObject({ value: [10, 20, 30], attempts: 2, interruptions: [{ code: "UNREACHABLE" }] });
  expect(outcome.interruptions[0]?.message).toContain(way.url);
  expect(made).toEqual([1, 2, 3]);
  expect(tookMs).toBeLessThan(FOUND_WITHIN_MS + 5_000); // and another attempt
});
