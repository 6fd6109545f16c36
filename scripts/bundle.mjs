// Bundles what an executor is made of: the guest harness (one script for the isolate's snapshot), the worker (one file of
// JavaScript, because Node cannot strip types under --jitless and a worker may read nothing else) and the edge, which would take
// half a second to load file by file. CommonJS loads faster than modules do; what few starts need is in files of its own.
import { readFile } from "node:fs/promises";
import { globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const source = (path) => fileURLToPath(new URL(`../executor/src/${path}`, import.meta.url));

/** What the libraries of the guest take for globals at load time, where a realm has none of its own yet. */
const globals = {
  SharedArrayBuffer: [source("guest/web/no-shared-memory.ts"), "SharedArrayBuffer"],
  TextDecoder: ["@exodus/bytes/encoding.js", "TextDecoder"],
  TextEncoder: ["@exodus/bytes/encoding.js", "TextEncoder"],
};

/**
 * Tables stay text until they are looked at, which only rare programs do. That of tr46 (for domains beyond ASCII) would
 * be a megabyte of small arrays in every isolate; the other (for East Asian encodings) is asked for late by its library.
 */
const tables = {
  name: "tables",
  load: {
    filter: { id: /[\\/](mappingTable|multi-byte\.encodings)\.json$/ },
    handler: async (id) => {
      const text = JSON.stringify(JSON.stringify(JSON.parse(await readFile(id, "utf8"))));
      const lazy = `let table; const get = (_, key) => (table ??= JSON.parse(${text}))[key];
        module.exports = new Proxy([], { __proto__: null, get });`;
      return { code: id.includes("tr46") ? lazy : `module.exports = JSON.parse(${text});`, moduleType: "js" };
    },
  },
};

/** One character beyond Latin-1 would make V8 keep the whole script in two bytes per character, and slow to read. */
const ascii = {
  name: "ascii",
  generateBundle: (_options, files) => {
    for (const chunk of Object.values(files)) {
      chunk.code = chunk.code.replace(
        /[^\0-\x7f]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
      );
    }
  },
};

const bundles = [
  { input: "guest/harness.ts", file: "guest.js", format: "iife", external: [], plugins: [tables, ascii] },
  {
    input: "worker/main.ts",
    file: "worker.cjs",
    format: "cjs", // Node starts it 20 ms sooner than a module
    external: ["isolated-vm", "oxc-transform", /^node:/],
  },
  {
    input: "main.ts",
    file: "edge.cjs",
    format: "cjs",
    external: ["@grpc/proto-loader", "@grpc/reflection", /^node:/], // these read .proto files beside their code
    plugins: [ascii],
    codeSplitting: { groups: [{ name: "main", tags: ["$initial"] }] },
  },
];

/** Licences ask to travel with the code that they are for. */
const notices = new Map();
function notice(id) {
  const folder = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id)?.[0];
  if (folder === undefined || notices.has(folder)) return;
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const texts = globSync("{licen[cs]e,LICEN[CS]E}*", { cwd: folder }).map((file) =>
    readFileSync(`${folder}/${file}`, "utf8"),
  );
  if (texts.length === 0) texts.push("It brings no text of its licence; https://spdx.org/licenses/ has it.");
  notices.set(folder, `${name} ${version} (${license})\n\n${texts.join("\n").trim()}\n`);
}

// The parts of the edge may get other names.
for (const file of globSync("{edge*.cjs,cache}", { cwd: source("gen") }))
  rmSync(source(`gen/${file}`), { recursive: true });

for (const { input, file, format, external, codeSplitting = false, plugins = [] } of bundles) {
  const isGuest = format === "iife";
  const bundle = await rolldown({
    input: source(input),
    external,
    platform: isGuest ? "neutral" : "node",
    resolve: { mainFields: ["module", "main"] },
    plugins,
    transform: isGuest ? { inject: globals } : {},
    // Unfinished trees are errors here: a missing export would only show inside a sandbox.
    onLog: (_level, log) => {
      throw new Error(`${input}: ${log.message}`);
    },
  });
  // A bundled module forgets that it was strict, and sloppy frames of the harness can be got hold of by a program.
  const { output } = await bundle.write({
    dir: source("gen"),
    entryFileNames: file,
    chunkFileNames: "edge-[name].cjs",
    codeSplitting,
    format,
    comments: false,
    banner: '"use strict";',
  });
  for (const { moduleIds = [] } of output) for (const id of moduleIds) notice(id);
  await bundle.close();
}

writeFileSync(source("gen/NOTICES.txt"), [...notices.values()].join(`\n${"-".repeat(80)}\n\n`));
