import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const tsc = new URL("../node_modules/.bin/tsc", import.meta.url).pathname;

/** What the compiler has to say about a file, by line from 1 on: `TS2322: Type …`. */
export async function diagnose(source: string): Promise<ReadonlyMap<number, string>> {
  await using folder = await mkdtempDisposable(join(tmpdir(), "codemode-tsc-"));
  writeFileSync(join(folder.path, "file.ts"), source);
  const options = ["--noEmit", "--strict", "--pretty", "false", "--target", "es2024", "--lib", "es2024", "--types", ""];
  const { stdout } = await promisify(execFile)(tsc, [...options, "file.ts"], {
    cwd: folder.path,
    maxBuffer: 1 << 28,
  }).catch((error: { stdout?: string; code?: unknown }) => {
    if (typeof error.stdout !== "string" || error.stdout === "") throw error;
    return { stdout: error.stdout };
  });
  const found = new Map<number, string>();
  for (const line of stdout.split("\n")) {
    const [, at, text] = /^file\.ts\((\d+),\d+\): error (.*)$/.exec(line) ?? [];
    if (at !== undefined && text !== undefined && !found.has(Number(at))) found.set(Number(at), text);
  }
  return found;
}
