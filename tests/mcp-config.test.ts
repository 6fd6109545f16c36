import { mkdtempDisposableSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readMcpServers } from "../client/src/config/mcp-servers.ts";

function read(text: string, env: Record<string, string> = {}, file = "mcp.json") {
  using folder = mkdtempDisposableSync(join(tmpdir(), "codemode-mcp-"));
  writeFileSync(join(folder.path, file), text);
  const { servers, warnings } = readMcpServers(file, env, folder.path);
  return {
    servers: servers.map(({ transport, ...rest }) => ({ ...rest, ...transport })),
    warnings,
    folder: folder.path,
  };
}

test("servers are read as Claude and Cursor have them, with the place of each", () => {
  const { servers, warnings } = read(
    `{
\t"globalShortcut": "",
  "mcpServers": {
    "files": { "command": "npx", "args": ["-y", "server", 8080], "env": { "TOKEN": "\${T}", "N": 1 } },
    "far-away": { "type": "http", "url": "https://host/mcp", "headers": { "Authorization": "Bearer \${env:T}" } },
    "old": { "type": "sse", "url": "http://127.0.0.1:\${PORT:-80}/sse" },
    "off": { "command": "x", "disabled": true }
  }
}`,
    { T: "t0p" },
  );
  expect(servers).toEqual([
    {
      name: "files",
      place: "mcp.json:4:5",
      kind: "stdio",
      command: "npx",
      args: ["-y", "server", "8080"],
      env: { TOKEN: "t0p", N: "1" },
      cwd: undefined,
    },
    {
      name: "far-away",
      place: "mcp.json:5:5",
      kind: "http",
      url: new URL("https://host/mcp"),
      headers: { Authorization: "Bearer t0p" },
    },
    { name: "old", place: "mcp.json:6:5", kind: "sse", url: new URL("http://127.0.0.1:80/sse"), headers: {} },
  ]);
  expect(warnings).toEqual([]);
});

test("YAML says the same, and a folder is looked for beside the file", () => {
  const yaml =
    "mcpServers:\n  files:\n    command: node\n    args: &args [server.js]\n    cwd: sub\n  twin:\n    command: node\n    args: *args\n";
  const { servers, folder } = read(yaml, {}, "mcp.yaml");
  expect(servers).toMatchObject([
    { name: "files", place: "mcp.yaml:2:3", args: ["server.js"], cwd: join(folder, "sub") },
    { name: "twin", place: "mcp.yaml:6:3", args: ["server.js"] },
  ]);
});

test("a key that changes nothing is a warning, with what was meant", () => {
  const { warnings } = read('{"mcpServers": {\n "a": {"command": "x",\n  "argz": [], "autoApprove": []}}}');
  expect(warnings).toEqual(['mcp.json:3:3: server "a": unknown key "argz", did you mean args?']);
});

const refused: readonly (readonly [row: string, text: string, problem: string])[] = [
  ["no JSON", '{"mcpServers": {', "mcp.json:1:17: Flow map in block collection must be sufficiently indented"],
  ["nothing", "", "mcp.json:1:1: expected mcpServers"],
  ["a list", '{"mcpServers": []}', "mcp.json:1:1: expected mcpServers"],
  ["neither command nor url", '{"mcpServers": {\n  "a": {}}}', 'mcp.json:2:3: server "a": expected command, or url'],
  [
    "both",
    '{"mcpServers": {\n "a": {"command": "x", "url": "http://h"}}}',
    'mcp.json:2:2: server "a": expected command, or url, and not both',
  ],
  [
    "a number as the command",
    '{"mcpServers": {"a": {\n"command": 1}}}',
    'mcp.json:2:1: server "a": command: expected a text',
  ],
  [
    "a text as the arguments",
    '{"mcpServers": {"a": {"command": "x",\n "args": "s3cret"}}}',
    'mcp.json:2:2: server "a": args: expected a list of texts',
  ],
  [
    "an argument that is none",
    '{"mcpServers": {"a": {"command": "x", "args": ["y",\n {"s3cret": 1}]}}}',
    'mcp.json:2:2: server "a": args.1: expected a text',
  ],
  [
    "an address that is none",
    '{"mcpServers": {"a": {\n  "url": "s3cret://x"}}}',
    'mcp.json:2:3: server "a": url: expected an address such as https://host/mcp',
  ],
  [
    "a variable that is not set",
    '{"mcpServers": {"a": {"command": "x", "env": {\n "K": "s3cret${NOPE}"}}}}',
    'mcp.json:2:2: server "a": env.K: NOPE is not set',
  ],
  [
    "a key twice",
    '{"mcpServers": {"a": {"command": "x"},\n"a": {"command": "y"}}}',
    "mcp.json:2:1: Map keys must be unique",
  ],
];
test.for(refused)("refused, with the place and no value: %s", ([, text, problem]) => {
  expect(() => read(text)).toThrow(problem);
  expect(() => read(text)).not.toThrow("s3cret");
});

test("all problems are told at once, and no file is as good as none", () => {
  expect(() => read('{"mcpServers": {"a": {},\n "b": {"url": "x"}}}')).toThrow(/^mcp.json:1:17: .*\nmcp.json:2:8: /);
  expect(() => readMcpServers("nowhere.json", {}, "/")).toThrow('--config: cannot read "nowhere.json" (ENOENT)');
});

test("aliases that multiply and prototypes do no harm", () => {
  const bomb = `a: &a [1,1,1,1,1,1,1,1,1]\n${"bcdefgh"
    .split("")
    .map((n, i) => `${n}: &${n} [${Array(9).fill(`*${"abcdefg"[i]}`).join(",")}]`)
    .join("\n")}\nmcpServers: {x: {command: *h}}`;
  expect(() => read(bomb)).toThrow("expected mcpServers");
  const { servers } = read('{"mcpServers": {"__proto__": {"command": "x"}, "constructor": {"command": "y"}}}');
  expect(servers.map(({ name }) => name)).toEqual(["__proto__", "constructor"]);
});
