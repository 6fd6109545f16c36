import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ChildExecutor, connect, Stream } from "./executor-fixture.ts";

// What we take from others, and how: cases build-lock and build-prebuild-hash of the catalogue.

interface Locked {
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
}

const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as { packages: Record<string, Locked> };
const taken = Object.entries(packages).filter(([path, { link }]) => path.includes("node_modules/") && link !== true);

test("every package is locked by its SHA-512, and comes from no address of its own", () => {
  expect(taken.length).toBeGreaterThan(100);
  const loose = taken.filter(([, { integrity }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? ""));
  expect(loose.map(([path]) => path)).toEqual([]);
  const elsewhere = taken.filter(
    ([, { resolved }]) => !(resolved ?? "https://registry.npmjs.org/").startsWith("https://registry.npmjs.org/"),
  );
  expect(elsewhere.map(([path]) => path)).toEqual([]);
});

test("no package has come to bring a script that runs when it is installed, and an image runs none", () => {
  const scripted = taken
    .filter(([, { hasInstallScript }]) => hasInstallScript)
    .map(([path]) => path.slice("node_modules/".length));
  expect(scripted.toSorted()).toEqual(["@bufbuild/buf", "cpu-features", "isolated-vm", "node", "protobufjs", "ssh2"]);
  const installs = readFileSync("Dockerfile.executor", "utf8").match(/npm (?:ci|install|i)\b.*/g);
  expect(installs).toHaveLength(2);
  for (const install of installs ?? []) expect(install).toMatch(/^npm ci --ignore-scripts /);
});

test("no environment names another binary than the one that isolated-vm was locked with", async () => {
  await using executor = await ChildExecutor.start({ ISOLATED_VM_PREBUILD: "/nowhere" });
  const client = connect(executor.address);
  await using stream = new Stream(client, executor.key);
  expect(await stream.run("return 6 * 7", {}, {})).toMatchObject({ value: 42 });
  client.close();
});
