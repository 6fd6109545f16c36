import { execFile } from "node:child_process";
import { mkdtempDisposable, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { CodemodeError } from "@codemode/proto";

/** What the compiler finds wrong, in the program. */
export interface Diagnostic {
  readonly code: number;
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

const TIMEOUT_MS = 3_000; // a program is not to wait longer for what only helps it
/** As lenient as a program may be: what is not asked for is not known to be wrong. Nothing beside the two files is read. */
const PROJECT = JSON.stringify({
  files: ["program.ts", "declarations.d.ts"],
  compilerOptions: {
    strict: false,
    noImplicitAny: false,
    skipLibCheck: true,
    noEmit: true,
    noResolve: true,
    types: [],
    moduleDetection: "force",
    target: "es2022",
    lib: ["es2022"],
  },
});
/** `return` may stand at the top of a program, though not of what Node takes. */
const HEAD = "async function program() {";
const TAIL = "\n}";
const STRIP =
  'process.stdout.write(require("node:module").stripTypeScriptTypes(require("node:fs").readFileSync(0, "utf8")))';
const MAX_OUTPUT = 2_097_152; // of both streams; more is no program, and no list that anybody reads
const LINE = /^program\.ts\((\d+),(\d+)\): error TS(\d+): (.*)$/;

let running = 0;
const waiting: (() => void)[] = [];

/** A process that tells what is in a program, by its output. Undefined when it takes too long, or has died. */
async function run(file: string, given: readonly string[], cwd: string, input = ""): Promise<string | undefined> {
  // Nothing of the app's environment: a compiler needs none. The limit is for its heap: types can be made to grow.
  const env = { GOMEMLIMIT: "512MiB", GOMAXPROCS: "1" };
  const options = { cwd, timeout: TIMEOUT_MS, killSignal: "SIGKILL", maxBuffer: MAX_OUTPUT, env } as const;
  const started = promisify(execFile)(file, given, options);
  started.child.stdin?.on("error", () => {}); // it may be gone before it has read anything
  started.child.stdin?.end(input);
  return started.then(
    ({ stdout }) => stdout,
    (error: { code?: unknown; stdout?: string }) => (typeof error.code === "number" ? error.stdout : undefined),
  );
}

/** Lets no more processes run than there are processors. */
async function inTurn<T>(body: () => Promise<T>): Promise<T> {
  if (running >= availableParallelism()) await new Promise<void>((go) => waiting.push(go));
  else running += 1;
  try {
    return await body();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }
}

/**
 * Compiles a program next to declarations, in a process of its own. Undefined when that takes too long.
 *
 * @throws {@link CodemodeError} `INVALID_ARGUMENT` where no `typescript` is installed.
 */
export async function compile(program: string, declarations: string): Promise<readonly Diagnostic[] | undefined> {
  const [file, ...first] = await compiler();
  return inTurn(async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "codemode-check-"));
    await writeFile(join(folder.path, "program.ts"), program);
    await writeFile(join(folder.path, "declarations.d.ts"), declarations);
    await writeFile(join(folder.path, "tsconfig.json"), PROJECT);
    const text = await run(file as string, [...first, "--pretty", "false", "--project", "tsconfig.json"], folder.path);
    return text?.split("\n").flatMap((line) => {
      const [, at, , code, message] = LINE.exec(line) ?? [];
      return message === undefined ? [] : [{ code: Number(code), line: Number(at), message }];
    });
  });
}

/**
 * A program of TypeScript with blanks in place of its types, made by Node in a process of its own: what is nested deeply
 * would break Node's own stripping for the rest of this one. Undefined when it is none.
 */
export function stripTypes(program: string): Promise<string | undefined> {
  return inTurn(async () => {
    const text = await run(process.execPath, ["--no-warnings", "--eval", STRIP], tmpdir(), HEAD + program + TAIL);
    return text?.startsWith(HEAD) && text.endsWith(TAIL) ? text.slice(HEAD.length, -TAIL.length) : undefined;
  });
}

/**
 * The command of the `typescript` that the app has installed. Its command line is the one interface that versions 5 to 7
 * have in common; of 7 it is a native program.
 */
async function compiler(): Promise<readonly string[]> {
  const require = createRequire(import.meta.url);
  try {
    const path = require.resolve("typescript/package.json");
    const { version, bin } = JSON.parse(await readFile(path, "utf8")) as { version: string; bin: { tsc: string } };
    if (Number.parseInt(version, 10) < 7) return [process.execPath, join(dirname(path), bin.tsc)];
    const native = createRequire(path).resolve(
      `@typescript/typescript-${process.platform}-${process.arch}/package.json`,
    );
    return [join(dirname(native), "lib", process.platform === "win32" ? "tsc.exe" : "tsc")];
  } catch (cause) {
    const why = 'Cannot check types: the package "typescript" is not installed; add it, or leave out check: "types"';
    throw new CodemodeError("INVALID_ARGUMENT", why, { cause });
  }
}
