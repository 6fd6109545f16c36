import { Codemode, type ClientConfigInput } from "@codemode/client";
import { beforeEach, expect, test, vi } from "vitest";
import { remoteSource } from "../client/src/index.ts";
import { Certificates } from "./certificates.ts";
import { type Fixture, startInProcess } from "./executor-fixture.ts";

// Several executors behind one name. Its addresses are of this machine, all with the same port.

const NAME = "executors.test";
/** What the name stands for; nothing while the resolver fails. `hangs`: it does not answer at all. */
const resolver = vi.hoisted(() => ({ addresses: [] as readonly string[], hangs: false, asked: 0 }));

vi.mock("node:dns/promises", () => ({
  lookup: async () => {
    resolver.asked += 1;
    if (resolver.hangs) await new Promise(() => {});
    if (resolver.addresses.length === 0) throw new Error("EAI_AGAIN");
    return resolver.addresses.map((address) => ({ address, family: 4 }));
  },
}));

beforeEach(() => {
  Object.assign(resolver, { addresses: ["127.0.0.2", "127.0.0.1"], hangs: false, asked: 0 });
});

function startAt(host: string, port: string, env: Record<string, string> = {}): Promise<Fixture> {
  return startInProcess({ ...env, CODEMODE_EXECUTOR_LISTEN: `${host}:${port}` });
}

/** Two of them. */
async function startBoth(env: Record<string, string> = {}) {
  const first = await startAt("127.0.0.1", "0", env);
  const port = first.executor.address.split(":").at(-1)!;
  const second = await startAt("127.0.0.2", port, env);
  return {
    first,
    second,
    port,
    async [Symbol.asyncDispose]() {
      await Promise.all([first, second].map((one) => one[Symbol.asyncDispose]()));
    },
  };
}

function clientOf(port: string, config: ClientConfigInput = {}): Codemode {
  const executor = { mode: "remote", url: `dns:///${NAME}:${port}`, ...config.executor } as const;
  return Codemode.fromClientConfig({ config: { retry: { enabled: false }, ...config, executor } });
}

async function runs(codemode: Codemode, count: number) {
  const outcomes = [];
  for (let made = 0; made < count; made++) outcomes.push(await codemode.execute("return 1"));
  return outcomes;
}

/** Runs that it has had. */
function servedBy({ log }: Fixture): number {
  return log.filter((line) => "outcome" in line).length;
}

test("runs go round the executors behind a name; who is added has work, who is taken away has none", async () => {
  await using both = await startBoth();
  await using codemode = clientOf(both.port);
  await runs(codemode, 4);
  expect([servedBy(both.first), servedBy(both.second)]).toEqual([2, 2]);
  await using third = await startAt("127.0.0.3", both.port);
  resolver.addresses = ["127.0.0.3", "127.0.0.1"];
  while (servedBy(third) === 0) await runs(codemode, 1); // a time-out of the test bounds it
  const before = servedBy(both.second);
  await runs(codemode, 4);
  expect(servedBy(both.second)).toBe(before);
});

test("an address that nobody answers at is passed over, and costs no attempt", async () => {
  await using both = await startBoth();
  resolver.addresses = ["127.0.0.9", "127.0.0.2"];
  await using codemode = clientOf(both.port);
  for (const outcome of await runs(codemode, 4)) expect(outcome).toMatchObject({ value: 1, attempts: 1 });
  expect(await codemode.health()).toMatchObject({ serving: true, address: `dns:///${NAME}:${both.port} (127.0.0.2)` });
});

test("an executor that turns runs away is passed over for a while; those that are known are, while a resolver fails", async () => {
  await using both = await startBoth();
  await using codemode = clientOf(both.port, { retry: { enabled: true, baseMs: 1 } });
  await runs(codemode, 2);
  resolver.addresses = [];
  await both.first.executor.drain(0);
  const outcomes = await runs(codemode, 4);
  expect(outcomes.map(({ value }) => value)).toEqual([1, 1, 1, 1]);
  expect(outcomes.filter(({ attempts }) => attempts > 1)).toHaveLength(1);
});

test("a resolver that hangs is given up like an executor that does; it has one question at a time to answer", async () => {
  await using codemode = clientOf("1", { executor: { connectTimeoutMs: 100 } });
  resolver.hangs = true;
  const began = performance.now();
  await Promise.all([1, 2].map(() => expect(codemode.execute("return 1")).rejects.toThrow(/executors\.test:1/)));
  await expect(codemode.health()).rejects.toThrow(/executors\.test:1/);
  expect(performance.now() - began).toBeLessThan(5_000); // 100 ms each, and what grpc-js does with the name
  expect(resolver.asked).toBe(1);
});

test("with a resolver that hangs, a run goes on at the executors that are left", async () => {
  await using both = await startBoth();
  await using codemode = clientOf(both.port, { executor: { connectTimeoutMs: 20_000 }, retry: { enabled: true } });
  await runs(codemode, 2);
  resolver.hangs = true;
  await both.first.executor.drain(0);
  const began = performance.now();
  const outcomes = await runs(codemode, 4);
  expect(outcomes.map(({ value }) => value)).toEqual([1, 1, 1, 1]);
  expect(outcomes.filter(({ attempts }) => attempts > 1)).toHaveLength(1);
  expect(performance.now() - began).toBeLessThan(5_000);
});

test("a name that nobody looks up keeps no run from the executors of a list", async () => {
  await using both = await startBoth();
  resolver.hangs = true;
  const url = `dns:///${NAME}:${both.port},127.0.0.1:${both.port}`;
  await using codemode = clientOf(both.port, { executor: { url, connectTimeoutMs: 20_000 } });
  for (const outcome of await runs(codemode, 4)) expect(outcome).toMatchObject({ value: 1, attempts: 1 });
  expect([servedBy(both.first), servedBy(both.second)]).toEqual([4, 0]);
});

test("turns go round the hosts of one family before they come to the other's", async () => {
  resolver.addresses = ["2001:db8::1", "203.0.113.7", "fd00::1", "192.0.2.1"];
  const source = remoteSource([`dns:///${NAME}:1`], undefined);
  const found = (await source.endpoints()).map(({ at }) => at);
  expect(found).toEqual(["192.0.2.1", "203.0.113.7", "2001:db8::1", "fd00::1"]);
});

test("each executor behind a name has to have a certificate for the name", async () => {
  using certificates = await Certificates.make();
  await certificates.issue("server", [NAME]);
  await using both = await startBoth(certificates.server);
  const at = (url: string) => clientOf(both.port, { executor: { url }, tls: certificates.anyone });
  await using right = at(`https://${NAME}:${both.port}`);
  await runs(right, 2);
  expect([servedBy(both.first), servedBy(both.second)]).toEqual([1, 1]);
  await using wrong = at(`https://others.test:${both.port}`);
  await expect(wrong.execute("return 1")).rejects.toThrow(/Host: others\.test.*tls\.serverName/);
});
