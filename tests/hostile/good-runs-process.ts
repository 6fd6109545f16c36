// Good runs in a process of their own: says when they have begun, ends them when it is told, and tells their values.
import { once } from "node:events";
import { GoodRuns } from "./good-runs.ts";

const { ADDRESS = "", KEY = "" } = process.env;
const runs = await GoodRuns.begin(ADDRESS, KEY);
console.log("begun");
await once(process.stdin, "data");
console.log(JSON.stringify(await runs.end()));
process.exit(0);
