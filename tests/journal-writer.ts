// Records calls as fast as it can, and prints the number of each once its record is durable. Ends by being killed.
import { writeSync } from "node:fs";
import { type CallRow, SqliteStore } from "../client/src/journal/index.ts";

const [path = ""] = process.argv.slice(2);
const store = new SqliteStore(path);
const record = { executionId: "run", fingerprint: "f", start: new Uint8Array(100), createdAt: new Date() };
const claim = await store.claim(record, "writer", 600_000);
if (claim.kind !== "owned") throw new Error(claim.kind);
for (let seq = 1; ; seq++) {
  const argumentsHash = new Uint8Array(32).fill(seq);
  const call: CallRow = {
    seq,
    kind: "tool",
    name: "mail.send",
    argumentsHash,
    state: "pending",
    handled: true,
    startedAt: new Date(),
  };
  await store.put("run", claim.fence, call);
  const result = new Uint8Array(seq % 5000).fill(seq);
  await store.put("run", claim.fence, {
    ...call,
    state: "succeeded",
    settledAt: new Date(),
    settleOrder: seq,
    result,
  });
  writeSync(1, `${seq}\n`);
}
