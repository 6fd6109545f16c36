// Bundles what runs in the sandbox: the guest harness (one script for the isolate's snapshot) and the worker (one
// file of JavaScript, because Node cannot strip types under --jitless and a worker may read nothing else).
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const source = (path) => fileURLToPath(new URL(`../executor/src/${path}`, import.meta.url));

const bundles = [
  { input: "guest/harness.ts", file: "gen/guest.js", format: "iife", external: [] },
  {
    input: "worker/main.ts",
    file: "gen/worker.js",
    format: "esm",
    external: ["isolated-vm", "oxc-transform", /^node:/],
  },
];

for (const { input, file, format, external } of bundles) {
  const bundle = await rolldown({
    input: source(input),
    external,
    platform: format === "iife" ? "neutral" : "node",
    // Unfinished trees are errors here: a missing export would only show inside a sandbox.
    onLog: (_level, log) => {
      throw new Error(`${input}: ${log.message}`);
    },
  });
  // A bundled module forgets that it was strict, and sloppy frames of the harness can be got hold of by a program.
  await bundle.write({ file: source(file), format, comments: false, banner: '"use strict";' });
  await bundle.close();
}
