import { type ExecutorMessage, type Finished, type Value, ValueEncoding } from "@codemode/proto";
import type { ExecuteOptions } from "../../client/src/index.ts";
import { withScript } from "../scripted-client.ts";
import type { Peer, Script } from "../scripted-executor.ts";

export type Event = NonNullable<ExecutorMessage["event"]>;

/** Runs against `script` with one tool, `take`. Tells how that ended, how often the tool was called, and in how many streams. */
export async function attack(script: Script, options: ExecuteOptions = {}) {
  await using it = await withScript(script, { take: () => 1 });
  const ended = await it.run(options).catch((error: unknown) => error);
  return { ended, called: it.calls.length, streams: it.executor.streams };
}

/** Says Finished, as far as it is given. Leaves the stream open. */
export function sayFinished(peer: Peer, finished: Partial<Finished>): void {
  const nothing = { result: undefined, usage: undefined, truncation: undefined, warnings: [] };
  peer.say({ $case: "finished", value: { ...nothing, ...finished } });
}

/** A script that is accepted, and finished like this. */
export const finishing =
  (finished: Partial<Finished>): Script =>
  (peer) => {
    peer.accept();
    sayFinished(peer, finished);
    peer.stream.end();
  };

/** A value of these bytes. */
export function raw(text: string | Buffer): Value {
  return { encoding: ValueEncoding.VALUE_ENCODING_EXACT, data: Buffer.from(text as string) };
}

/** As many BigInts as make a Set of them slow: V8 hashes only the lower half. */
export const alike = Array.from(
  { length: 12_000 },
  (_, index) => `{"$type":"bigint","value":"${(BigInt(index) << 64n) + 5n}"}`,
).join();

/** An array whose last item is a chain of 30,000 arrays. */
export const chain = `[[],${Array.from({ length: 30_000 }, (_, id) => `[{"$type":"Ref","id":${id + 1}}]`).join()}]`;
