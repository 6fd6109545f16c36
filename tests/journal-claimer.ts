// Claims the same runs as other processes do at the same moment, and prints those that it owns.
import { once } from "node:events";
import { SqliteStore } from "../client/src/journal/index.ts";

const [path = "", owner = "", count = "0"] = process.argv.slice(2);
console.log("ready");
await once(process.stdin, "data"); // all start at one word, before the file is there
await using store = new SqliteStore(path);
const owned: string[] = [];
for (let n = 0; n < Number(count); n++) {
  const record = { executionId: `run-${n}`, fingerprint: "f", start: new Uint8Array(100), createdAt: new Date() };
  const claim = await store.claim(record, owner, 600_000);
  if (claim.kind === "owned") owned.push(record.executionId);
}
console.log(JSON.stringify(owned));
process.stdin.destroy();
