// Build
// ==========================================================================
// Makes <package>/dist, which is itself the package that is published: JavaScript, declarations and a package.json of
// its own; of the executor, which nobody imports, the bundles. Sources stay what development and tests run.
//
//   node scripts/build.ts                              builds all and checks them (publint, attw)
//   node scripts/build.ts --no-verify proto executor   builds these, in this order
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";

type Exports = Readonly<Record<string, string>>;
interface Manifest extends Record<string, unknown> {
  readonly name: string;
  readonly exports: Exports;
  readonly bin?: Exports;
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { "no-verify": { type: "boolean", default: false } },
});
const BUNDLED = "executor";
const packages = positionals.length > 0 ? positionals : ["proto", "client", "executor"]; // in the order of their dependencies

run("node", "scripts/bundle.mjs");
for (const folder of packages) build(folder);
if (!options["no-verify"]) for (const folder of packages) verify(join(folder, "dist"));

function build(folder: string): void {
  const dist = join(folder, "dist");
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });
  if (folder !== BUNDLED) compile(folder, dist);
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
  writeFileSync(join(dist, "package.json"), `${JSON.stringify(published(manifest), null, 2)}\n`);
  cpSync("LICENSE", join(dist, "LICENSE"));
  const readme = [join(folder, "README.md"), "README.md"].find((path) => existsSync(path));
  if (readme !== undefined) cpSync(readme, join(dist, "README.md"));
  // What the compiler does not carry over.
  copy(folder, "**/*.proto", dist);
  copy(join(folder, "src"), "{start.cjs,gen/{guest.js,tables.json,worker.cjs,edge*.cjs,NOTICES.txt}}", dist);
  copy(folder, "*.schema.json", dist);
  copy(folder, "bin/*.js", dist);
}

/** Compiles src. Packages of this repository are seen as what they publish, so that no source of theirs is compiled in. */
function compile(folder: string, dist: string): void {
  const project = join(dist, "tsconfig.json");
  const paths = Object.fromEntries(
    packages.flatMap((name) => [
      [`@codemode/${name}`, [resolve(name, "dist/index.d.ts")]],
      [`@codemode/${name}/discovery`, [resolve(name, "dist/discovery/index.d.ts")]],
      [`@codemode/${name}/values`, [resolve(name, "dist/values/index.d.ts")]],
      [`@codemode/${name}/*`, [resolve(name, "dist/*.d.ts")]],
    ]),
  );
  const compilerOptions = { paths, rootDir: "../src", outDir: ".", noEmit: false, declaration: true };
  writeFileSync(
    project,
    JSON.stringify({
      extends: "../../tsconfig.base.json",
      compilerOptions,
      include: ["../src"],
      exclude: ["../src/gen/*.js"],
    }),
  );
  run("tsc", "--project", project);
  rmSync(project);
  // The compiler rewrites relative imports in JavaScript, and leaves them in declarations.
  for (const file of globSync(join(dist, "**/*.d.ts"))) {
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replaceAll(/((?:from |import\(|import )"\.{1,2}\/[^"]+)\.ts"/g, '$1.js"'));
  }
}

/** The manifest as it is published: sources become what was built from them. */
function published(manifest: Manifest): Manifest {
  const exports = Object.entries(manifest.exports).map(([name, source]) => {
    const built = source.replace("./src/", "./");
    if (!source.endsWith(".ts")) return [name, built];
    return [name, { types: built.replace(/ts$/, "d.ts"), default: built.replace(/ts$/, "js") }];
  });
  return { ...manifest, exports: Object.fromEntries(exports) as Exports };
}

function verify(dist: string): void {
  run("publint", "--strict", dist);
  run("attw", "--pack", dist, "--profile", "esm-only", "--exclude-entrypoints", "./package.json");
}

function copy(from: string, pattern: string, to: string): void {
  for (const file of globSync(pattern, { cwd: from, exclude: ["node_modules", "dist"] })) {
    mkdirSync(join(to, dirname(file)), { recursive: true });
    cpSync(join(from, file), join(to, file));
  }
}

function run(command: string, ...args: string[]): void {
  console.error(`> ${[command, ...args].join(" ")}`);
  execFileSync(command, args, { stdio: "inherit" });
}
