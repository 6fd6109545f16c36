import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { workerUid } from "./user.ts";

/** How worker processes are started. */
export interface LaunchOptions {
  /** Lets V8 compile to machine code. Tight loops get about three times faster, and a wall is gone. */
  readonly jit?: boolean;
  /** What the process runs. The bundled worker when absent. */
  readonly workerPath?: string;
}

const SHELL = "/bin/sh";
const DATA_KIB = 600 * 1024; // hard cap of what a jitless worker can allocate, counted by V8 or not
const ORPHAN_CPU_S = 180; // over what any worker may use: recycled after 60 s, a run has at most 60 s more

const NO_FLOAT16 = "--no-js-float16array"; // a hole of isolated-vm; the guest takes it away as well
const HEAP_MIB = 64; // of the warm isolate; a run that asks for another heap gets an isolate made for it

/** The worker bundle; beside this folder in the sources as in `dist`. */
const bundledWorker = fileURLToPath(new URL("../gen/worker.cjs", import.meta.url));

/**
 * Starts one worker: no environment, no files but its own code, one channel on descriptor 3, no network where Node's
 * permission model knows one (26 and later). Where we are root it becomes nobody as soon as it has loaded its code.
 *
 * @throws CodemodeError INVALID_CONFIG when we are root without the means for that.
 */
export function launch(options: LaunchOptions = {}): ChildProcess {
  const jit = options.jit ?? false;
  const uid = workerUid();
  const settings = [`--heap-mib=${HEAP_MIB}`, ...(uid === undefined ? [] : [`--uid=${uid}`])];
  const argv = [process.execPath, ...nodeFlags(options.workerPath ?? bundledWorker, jit), ...settings];
  const command = existsSync(SHELL) ? [SHELL, "-c", limits(jit), "sh", ...argv] : argv;
  const [file = process.execPath, ...args] = command;
  const child = spawn(file, args, {
    env: {},
    cwd: "/",
    stdio: ["ignore", "ignore", "pipe", "pipe"],
    detached: true, // a terminal's Ctrl-C is for the edge alone: open runs are drained, not shot
  });
  preferAsVictim(child.pid);
  return child;
}

/**
 * `ulimit -d` binds only without a JIT, which reserves 512 MiB per isolate. Neither the variables of the shell nor
 * descriptors that we inherited go along.
 */
function limits(jit: boolean): string {
  const data = jit ? "" : `ulimit -d ${DATA_KIB}; `;
  return `ulimit -c 0; ${data}ulimit -t ${ORPHAN_CPU_S}; exec 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; exec env -i "$@"`;
}

function nodeFlags(workerPath: string, jit: boolean): string[] {
  return [
    "--no-node-snapshot",
    ...(jit ? [] : ["--jitless"]),
    ...(knowsFloat16Flag() ? [NO_FLOAT16] : []),
    "--max-old-space-size=128",
    "--disable-proto=delete",
    "--disable-warning=SecurityWarning",
    "--no-experimental-sqlite", // it opens files whatever the permission model says
    "--permission",
    "--allow-addons",
    ...readable(workerPath).map((path) => `--allow-fs-read=${path}`),
    workerPath,
  ];
}

let known: boolean | undefined;

/**
 * V8 drops its flags some time after what they switch is shipped, and Node does not start with one that is unknown. Node 24 has a
 * V8 that knows it; of a later one it takes a process to ask.
 */
function knowsFloat16Flag(): boolean {
  known ??=
    Number.parseInt(process.versions.v8, 10) < 14 ||
    spawnSync(process.execPath, [NO_FLOAT16, "--version"], { env: {}, stdio: "ignore" }).status === 0;
  return known;
}

/** What a worker may read: itself and the guest beside it, its native packages, and the file by which node-gyp-build tells musl from glibc. */
function readable(workerPath: string): string[] {
  const beside = ["guest.js", "tables.json"].map((name) => join(dirname(workerPath), name));
  return [workerPath, ...beside, ...nativePackages(), "/etc/alpine-release"];
}

let found: readonly string[] | undefined;

/** Looked up once: the file system does not change under a running executor. */
function nativePackages(): readonly string[] {
  if (found) return found;
  const here = createRequire(import.meta.url);
  const isolatedVm = packageFolder(here, "isolated-vm");
  const fromIsolatedVm = createRequire(join(isolatedVm, "package.json"));
  const native = [isolatedVm, packageFolder(fromIsolatedVm, "node-gyp-build")];
  for (const name of ["oxc-parser", "oxc-transform"]) {
    const folder = packageFolder(here, name);
    const scope = join(dirname(folder), `@${name}`); // one package per platform, of which one is installed
    const bindings = existsSync(scope) ? readdirSync(scope).map((binding) => realpathSync(join(scope, binding))) : [];
    native.push(folder, ...bindings);
  }
  found = native.map((path) => join(path, "*"));
  return found;
}

/** Found by walking up, not by `resolve("<name>/package.json")`, which a package's `exports` may forbid. */
function packageFolder(require: NodeJS.Require, name: string): string {
  for (const folder of require.resolve.paths(name) ?? []) {
    const candidate = join(folder, name);
    if (existsSync(join(candidate, "package.json"))) return realpathSync(candidate);
  }
  throw new Error(`Cannot find the package "${name}" that workers need: run \`npm install\``);
}

/** When memory is short, the kernel is to take a worker, not us. */
function preferAsVictim(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, "1000");
  } catch {
    // No /proc, or already gone: an optimisation is lost, no limit.
  }
}
