import { execFile } from "node:child_process";
import { glob, readFile, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type CallInfo, ComponentRegistry } from "@codemode/client";
import { z } from "zod";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = z
  .string()
  .regex(/^[a-z]+$/)
  .describe("A folder at the top of the repository");
const servedTo = (call: CallInfo) => call.context.require<string>("clientId");

/** Four tools over this repository. Each returns the client that it served, so that a mix-up would show. */
export function repositoryTools(): ComponentRegistry {
  const registry = new ComponentRegistry();

  registry.registerTool("listFiles", {
    description: "Lists the files of a folder: { list: [{ path, bytes }] }",
    inputSchema: z.object({ folder }),
    execute: async (input, call) => {
      const paths = await Array.fromAsync(
        glob(`${input.folder}/**/*.*`, {
          cwd: root,
          exclude: (path) => /(^|[\\/])(node_modules|dist|gen)$/.test(path),
        }),
      );
      const list = paths.map(async (path) => ({ path, bytes: (await stat(join(root, path))).size }));
      return { servedTo: servedTo(call), list: await Promise.all(list) };
    },
  });

  registry.registerTool("gitLog", {
    description: "The latest commits that touched a folder, newest first: { list: [{ hash, author, date, subject }] }",
    inputSchema: z.object({ folder, limit: z.number().int().min(1).max(1_000) }),
    execute: async (input, call) => ({
      servedTo: servedTo(call),
      list: await history(input.folder, input.limit, call.signal),
    }),
  });

  registry.registerTool("packageInfo", {
    description: "The package in a folder: { name, version, dependencies: string[] }",
    inputSchema: z.object({ folder }),
    execute: async (input, call) => {
      const manifest = JSON.parse(await readFile(join(root, input.folder, "package.json"), "utf8"));
      const { name, version, dependencies = {} } = manifest as Record<string, unknown>;
      return { servedTo: servedTo(call), name, version, dependencies: Object.keys(dependencies as object) };
    },
  });

  registry.registerTool("readFile", {
    description: "The text of a file of the repository, up to 200 kB: { path, text }",
    inputSchema: z.object({ path: z.string().max(300) }),
    execute: async ({ path }, call) => {
      const file = await insideRepository(path);
      if ((await stat(file)).size > 200_000) throw new Error(`"${path}" is larger than 200 kB`);
      return { servedTo: servedTo(call), path, text: await readFile(file, { encoding: "utf8", signal: call.signal }) };
    },
  });

  return registry;
}

/** Links are followed before the check, so that none leads out. */
async function insideRepository(path: string): Promise<string> {
  const [file, home] = await Promise.all([realpath(join(root, path)), realpath(root)]);
  if (!file.startsWith(home.endsWith(sep) ? home : home + sep))
    throw new Error(`"${path}" is outside of the repository`);
  return file;
}

async function history(path: string, limit: number, signal: AbortSignal) {
  const format = "--format=%h%x09%an%x09%aI%x09%s";
  const log = promisify(execFile)("git", ["log", `-${limit}`, format, "--", path], { cwd: root, signal });
  const { stdout } = await log.catch(() => ({ stdout: "" }));
  // In a copy without .git the demo still has something to show.
  const lines = (stdout || "0000000\tnobody\t1970-01-01T00:00:00Z\tNo git history here").trimEnd().split("\n");
  return lines.map((line) => {
    const [hash, author, date, ...subject] = line.split("\t");
    return { hash, author, date, subject: subject.join("\t") };
  });
}
