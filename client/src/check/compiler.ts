import { execFile } from "node:child_process";
import { mkdtempDisposable, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { CodemodeError } from "@codemode/proto";

/** What the compiler finds wrong, in the file that was checked. */
export interface Diagnostic {
  readonly code: number;
  /** From 1. */
  readonly line: number;
  readonly column: number;
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
const LINE = /^program\.ts\((\d+),(\d+)\): error TS(\d+): (.*)$/;

let running = 0;
const waiting: (() => void)[] = [];

/**
 * Compiles a program next to declarations, in a process of its own. Undefined when that takes too long.
 *
 * @throws {@link CodemodeError} `INVALID_ARGUMENT` where no `typescript` is installed.
 */
export async function compile(program: string, declarations: string): Promise<readonly Diagnostic[] | undefined> {
  const [file, ...first] = await compiler();
  if (running >= availableParallelism()) await new Promise<void>((go) => waiting.push(go));
  else running += 1;
  try {
    await using folder = await mkdtempDisposable(join(tmpdir(), "codemode-check-"));
    await writeFile(join(folder.path, "program.ts"), program);
    await writeFile(join(folder.path, "declarations.d.ts"), declarations);
    await writeFile(join(folder.path, "tsconfig.json"), PROJECT);
    // Nothing of the app's environment: a compiler needs none. The limit is for its heap: types can be made to grow.
    const options = {
      cwd: folder.path,
      timeout: TIMEOUT_MS,
      killSignal: "SIGKILL",
      env: { GOMEMLIMIT: "512MiB", GOMAXPROCS: "1" },
    } as const;
    const text = await promisify(execFile)(
      file as string,
      [...first, "--pretty", "false", "--project", "tsconfig.json"],
      options,
    ).then(
      ({ stdout }) => stdout,
      (error: { code?: unknown; stdout?: string }) => (typeof error.code === "number" ? error.stdout : undefined),
    );
    return text?.split("\n").flatMap((line) => {
      const [, at, column, code, message] = LINE.exec(line) ?? [];
      return message === undefined ? [] : [{ code: Number(code), line: Number(at), column: Number(column), message }];
    });
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }
}

/**
 * The command of the `typescript` that the app has installed. Its command line is the one interface that versions 5 to 7
 * have in common; of 7 it is a native program. Those before 7 do not tell a missing member in a way that proves it.
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
