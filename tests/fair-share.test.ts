import { expect, test } from "vitest";
import { FairShare } from "../executor/src/pool/fair-share.ts";
import { Line } from "../executor/src/pool/line.ts";
import { type Account, Quota } from "../executor/src/pool/quota.ts";
import { startInProcess } from "./executor-fixture.ts";

const a: Account = { id: "a", weight: 1 };
const b: Account = { id: "b", weight: 1 };
const heavy: Account = { id: "heavy", weight: 3 };
const never = new AbortController().signal;
const limits = { maxWaiting: 1_000, maxWaitMs: 60_000, totalWeight: 5 };

/** A line in which each account waits `times`, and the order in which `turns` of it are served. */
function served(times: readonly (readonly [Account, number])[], costs: (account: Account) => number, turns: number) {
  const share = new FairShare(1);
  const line = new Line(share, limits);
  for (const [account, count] of times) {
    for (let i = 0; i < count; i++) line.join({ account, tenant: "" }, never);
  }
  const order: string[] = [];
  for (let turn = 0; turn < turns; turn++) {
    const [waiter] = line.inTurn(new Set());
    if (!waiter) break;
    line.remove(waiter);
    waiter.resolve(undefined as never);
    share.begins(waiter.account)(costs(waiter.account));
    order.push(waiter.account.id);
  }
  return order;
}

const count = (order: readonly string[], { id }: Account): number => order.filter((one) => one === id).length;

test("one who comes to a long line of another account is served next", () => {
  const share = new FairShare(1);
  const line = new Line(share, limits);
  for (let i = 0; i < 100; i++) line.join({ account: a, tenant: "" }, never);
  for (let i = 0; i < 50; i++) {
    const [first] = line.inTurn(new Set());
    line.remove(first!);
    share.begins(a)(10);
  }
  const late = line.join({ account: b, tenant: "" }, never);
  const next = [...line.inTurn(new Set())].slice(0, 2);
  expect(next).toContain(late);
});

test("accounts get turns by their weights", () => {
  const times = [a, heavy].map((account) => [account, 100] as const);
  const order = served(times, () => 10, 80);
  expect(count(order, heavy)).toBeGreaterThanOrEqual(58);
  expect(count(order, heavy)).toBeLessThanOrEqual(62);
});

test("what counts is CPU time, not the number of runs", () => {
  const times = [a, b].map((account) => [account, 200] as const);
  const order = served(times, ({ id }) => (id === "a" ? 90 : 10), 100);
  expect(count(order, b)).toBeGreaterThanOrEqual(85);
  expect(count(order, a)).toBeGreaterThanOrEqual(8);
});

test("an account that was away gets nothing for it, and one dear run does not keep its account out", () => {
  const share = new FairShare(1);
  share.begins(a)(60_000);
  share.arrives(b);
  share.begins(b)(10);
  const [ofA, ofB] = [share.turn(a).atMs, share.turn(b).atMs];
  expect(ofA - ofB).toBeLessThanOrEqual(1_000);
  expect(ofB).toBeGreaterThan(0);
});

test("no account takes the workers of another's share, and one alone may have all", () => {
  const share = new FairShare(4);
  const held = (ofA: number, ofB: number) => new Map(Object.entries({ a: ofA, b: ofB }).filter(([, n]) => n > 0));
  expect(share.mayTake(a, held(3, 0))).toBe(true); // b has never been here
  expect(share.mayTake(b, held(3, 0))).toBe(true);
  expect(share.mayTake(a, held(2, 0))).toBe(false); // two are b's, who wants them
  expect(share.mayTake(a, held(1, 0))).toBe(true);
  expect(share.mayTake(a, held(2, 1))).toBe(false);
  expect(share.mayTake(b, held(2, 1))).toBe(true);
});

test("a quota keeps each account's share for it, lets one alone have everything, and is taken twice at most", () => {
  const quota = new Quota(10, 2);
  for (let i = 0; i < 10; i++) expect(quota.take(a, 1)).toBe(true);
  expect(quota.take(a, 1)).toBe(false);
  for (let i = 0; i < 5; i++) expect(quota.take(b, 1)).toBe(true);
  expect(quota.take(b, 1)).toBe(false);
  expect(quota.taken).toBe(15);
  quota.give(a, 6);
  expect(quota.take(b, 1)).toBe(true);
});

test("a worker that is idle stays with its account while another floods (P6)", async () => {
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_WORKERS: "2" });
  const { pool } = executor.executor;
  const first = await pool.lend({ account: b, tenant: "" }, never);
  const { pid } = first;
  await first.release(undefined);
  const flood = Array.from({ length: 5 }, () => pool.lend({ account: a, tenant: "" }, never));
  const one = await flood[0]!;
  expect(one.pid).not.toBe(pid);
  const second = await pool.lend({ account: b, tenant: "" }, never);
  expect(second.pid).toBe(pid);
  await second.release(undefined);
  for (const lease of flood) await (await lease).release(undefined);
});

test("an account that names ever new tenants takes the place of its own worker, not of another's warm one (P6)", async () => {
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_WORKERS: "2" });
  const { pool } = executor.executor;
  const first = await pool.lend({ account: b, tenant: "" }, never);
  await first.release(undefined);
  for (const tenant of ["one", "two", "three"]) {
    const lease = await pool.lend({ account: a, tenant }, never);
    await lease.release(undefined);
  }
  expect(pool.pids).toContain(first.pid);
});
