// Bundles what an executor is made of: the guest harness (one script for the isolate's snapshot), the worker (one file of
// JavaScript, because Node cannot strip types under --jitless and a worker may read nothing else) and the edge, which would take
// half a second to load file by file. CommonJS loads faster than modules do; what few starts need is in files of its own.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
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
 * Tables of libraries, which only rare programs need: domains beyond ASCII, and East Asian encodings. They would be a tenth of
 * what an isolate takes, so they stay with the worker, and the guest asks for them.
 */
const tables = {};
const late = {
  name: "tables",
  load: {
    filter: { id: /[\\/](mappingTable|multi-byte\.encodings)\.json$|[\\/]tr46[\\/]lib[\\/]regexes\.js$/ },
    handler: async (id) => {
      const name = /([^\\/]+)\.js(?:on)?$/.exec(id)[1];
      const isRegExps = name === "regexes";
      const read = isRegExps ? createRequire(import.meta.url)(id) : JSON.parse(await readFile(id, "utf8"));
      tables[name] = JSON.stringify(read, (_key, value) =>
        value instanceof RegExp ? [value.source, value.flags] : value,
      );
      const table = `require(${JSON.stringify(source("guest/tables.ts"))}).table(${JSON.stringify(name)})`;
      const whole = `module.exports = ${table};`; // its library asks for it late by itself
      const lazy = `let table; const get = (_, key) => (table ??= ${table})[key];
        module.exports = new Proxy([], { __proto__: null, get });`;
      const regExps = `const made = new Map(); let table;
        const get = (_, key) => {
          table ??= ${table};
          if (!made.has(key)) made.set(key, new RegExp(...table[key]));
          return made.get(key);
        };
        module.exports = new Proxy({}, { __proto__: null, get });`;
      return { code: isRegExps ? regExps : name === "mappingTable" ? lazy : whole, moduleType: "js" };
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
  { input: "guest/harness.ts", file: "guest.js", format: "iife", external: [], plugins: [late, ascii] },
  {
    input: "worker/main.ts",
    file: "worker.cjs",
    format: "cjs", // Node starts it 20 ms sooner than a module
    external: ["isolated-vm", "oxc-transform", /^oxc-parser\//, /^node:/],
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
    minify: isGuest && { compress: false, mangle: false }, // the text is in every isolate; its names can be seen
    banner: '"use strict";',
  });
  for (const { moduleIds = [] } of output) for (const id of moduleIds) notice(id);
  await bundle.close();
}

writeFileSync(source("gen/tables.json"), JSON.stringify(tables));
writeFileSync(source("gen/NOTICES.txt"), [...notices.values()].join(`\n${"-".repeat(80)}\n\n`));
