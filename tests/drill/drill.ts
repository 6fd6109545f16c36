import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

/** The drill's worker as one file, like the real one: a worker may read nothing else. Disposal removes it. */
export async function bundleWorker(): Promise<Disposable & { readonly path: string }> {
  const folder = mkdtempDisposableSync(join(tmpdir(), "codemode-drill-"));
  const path = join(folder.path, "worker.js");
  await bundle("worker.ts", path);
  return { path, [Symbol.dispose]: () => folder.remove() };
}

/** A file of this folder, with all that it imports, as one file. */
export async function bundle(file: string, into: string): Promise<void> {
  const input = fileURLToPath(new URL(file, import.meta.url));
  const made = await rolldown({ input, platform: "node", external: [/^node:/] });
  await made.write({ file: into, format: "esm" });
  await made.close();
}
