// The tests of the worker process on Node 26, where the permission model knows a network as well. npm brings it.
import { spawnSync } from "node:child_process";

const tests = ["escape-drill", "worker-rules", "hostile-worker", "isolation", "pool"].map(
  (name) => `tests/${name}.test.ts`,
);
const vitest = ["node", "node_modules/vitest/vitest.mjs", "run", "--project", "fast", ...tests];
const { status } = spawnSync("npm", ["exec", "--yes", "--package=node@26", "--", ...vitest], { stdio: "inherit" });
process.exit(status ?? 1);
