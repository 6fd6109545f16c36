import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/** Prints which packages of `peers` importing these has loaded. */
const PROBE = `
import { registerHooks } from "node:module";
const loaded = new Set();
registerHooks({ resolve(specifier, context, next) { const found = next(specifier, context); loaded.add(found.url); return found; } });
const [specifiers, ...peers] = process.argv.slice(1);
for (const specifier of specifiers.split(" ")) await import(specifier);
console.log(JSON.stringify(peers.filter((peer) => [...loaded].some((url) => url.includes("/node_modules/" + peer + "/")))));
process.exit();`;

const peers = ["ai", "openai", "@openai/agents", "@mastra/core", "@tanstack/ai-code-mode", "@cloudflare/codemode"];
peers.push("@langchain/core", "@modelcontextprotocol/client", "@modelcontextprotocol/server");

test.for([
  [
    "the main entry, and what needs types alone",
    "@codemode/client @codemode/client/openai @codemode/client/tanstack",
    [],
  ],
  ["what plugs into Cloudflare", "@codemode/client/cloudflare", []],
  ["the MCP server", "@codemode/client/mcp", ["@modelcontextprotocol/server"]],
] as const)("no framework but its own is loaded by %s", ([, specifiers, expected]) => {
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const args = ["--input-type=module", "--eval", PROBE, specifiers, ...peers];
  expect(JSON.parse(execFileSync(process.execPath, args, { cwd, encoding: "utf8" }))).toEqual(expected);
});
