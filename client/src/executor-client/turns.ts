import type { Channel } from "./channel.ts";

const HEAD_START_MS = 250; // as in RFC 8305: whose turn it is may take this long to connect before others are looked at
const ANYBODY_MS = 1_000; // then whoever is first; an attempt has a time-out of its own for what takes longer

/**
 * `channels`, at least one, in the order in which a run should use them: round from its `turn`, but those first that are
 * connected, and of these those that have turned nobody away just now. Waits for a connection, where there is none yet.
 */
export async function inTurn(channels: readonly Channel[], turn: number): Promise<readonly Channel[]> {
  const start = turn % channels.length;
  const order = [...channels.slice(start), ...channels.slice(0, start)];
  if (order.length === 1) return order;
  const [triesForMs = 0] = order.map((channel) => channel.wake());
  const [own] = order;
  await own?.connects(Math.max(0, HEAD_START_MS - triesForMs)).catch(() => {});
  if (!order.some(({ connected }) => connected)) await first(order);
  return order.toSorted((a, b) => rank(a) - rank(b)); // which is stable
}

function rank({ connected, resting }: Channel): number {
  return connected ? Number(resting) : 2;
}

async function first(channels: readonly Channel[]): Promise<void> {
  await Promise.any(channels.map((channel) => channel.connects(ANYBODY_MS))).catch(() => {}); // the attempt tells why
}
