// `npm run demo` on a fresh clone. Runs under Node 20: installs what is missing, then hands over to the Node 24 that
// the installation brings.
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const modifiedAt = (path) => statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Runs a command in the repository with this terminal; its failure is ours. */
function run(command, args) {
  const shell = process.platform === "win32"; // npm and the links in .bin are .cmd files there
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit", shell });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

// npm writes this file last, so an interrupted installation counts as none.
if (modifiedAt("node_modules/.package-lock.json") < modifiedAt("package-lock.json")) {
  console.error("Installing dependencies (npm ci) …");
  run("npm", ["ci", "--no-audit", "--no-fund"]);
}
const node = join("node_modules", ".bin", "node");
const installed = modifiedAt(node) > 0 || modifiedAt(`${node}.cmd`) > 0;
if (!installed) run(process.execPath, [join("scripts", "require-node-24.mjs")]);
run(installed ? node : process.execPath, [join("examples", "demo.ts")]);
