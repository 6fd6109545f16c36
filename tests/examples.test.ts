// Each example of an integration starts alone, and checks its own result.
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const folder = fileURLToPath(new URL("../examples", import.meta.url));
const integrations = fileURLToPath(new URL("../docs/integrations", import.meta.url));
const names = readdirSync(integrations).map((file) => file.replace(/\.md$/, ""));

const env = { PATH: process.env["PATH"], CODEMODE_EXECUTOR_WORKERS: "1" };

test("every integration that has a page has an example", () => {
  expect(readdirSync(folder)).toEqual(expect.arrayContaining(names.map((name) => `${name}.ts`)));
  expect(names.length).toBeGreaterThan(6);
});

test.for(names)("examples/%s.ts", async (name) => {
  const { stdout } = await promisify(execFile)(process.execPath, [`${name}.ts`], { cwd: folder, env });
  expect(stdout).not.toBe("");
});
