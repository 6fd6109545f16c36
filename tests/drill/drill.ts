import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

/** The drill's worker as one file, like the real one: a worker may read nothing else. Disposal removes it. */
export async function bundleWorker(): Promise<Disposable & { readonly path: string }> {
  const folder = mkdtempDisposableSync(join(tmpdir(), "codemode-drill-"));
  const path = join(folder.path, "worker.js");
  const input = fileURLToPath(new URL("worker.ts", import.meta.url));
  const bundle = await rolldown({ input, platform: "node", external: [/^node:/] });
  await bundle.write({ file: path, format: "esm" });
  await bundle.close();
  return { path, [Symbol.dispose]: () => folder.remove() };
}
