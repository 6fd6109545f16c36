import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { status } from "@grpc/grpc-js";
import { startScripted } from "./scripted-executor.ts";
import { type CommandOptions, runCommand, unusedPort } from "./setup/command.ts";

const TOOLS = `
export default {
  add: {
    description: "Adds two numbers",
    inputSchema: { type: "object", properties: { a: { type: "number" }, b: { type: "number" } }, required: ["a", "b"] },
    execute: async ({ a, b }, call) => a + b,
  },
  shout: (input) => String(input.text).toUpperCase(),
  client: { description: "Names the client", execute: (input, call) => call.context.get("clientId") },
  forever: () => new Promise(() => {}),
};
`;

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "codemode-cli-"));
  writeFileSync(join(cwd, "tools.mjs"), TOOLS);
});
afterEach(() => rmSync(cwd, { recursive: true }));

const codemode = (args: readonly string[], options?: CommandOptions) => runCommand(cwd, args, options);

/** The document that `run --json` prints for `code`. */
async function outcomeOf(code: string, ...args: string[]) {
  const ended = await codemode(["run", "-", "--tools", "./tools.mjs", "--json", ...args], { stdin: code });
  return { ...ended, document: JSON.parse(ended.stdout) as Record<string, unknown> };
}

test("the result goes to stdout, calls, logs and the summary to stderr", async () => {
  writeFileSync(join(cwd, "main.ts"), 'const n: number = 40;\nconsole.log("hi");\nreturn tools.add({ a: n, b: 2 });\n');
  const { exitCode, stdout, stderr } = await codemode(["run", "main.ts", "--tools", "./tools.mjs"]);
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "42\n" });
  expect(stderr).toMatch(/^log +hi$/m);
  expect(stderr).toMatch(/^✓ #1 add succeeded \d+ ms$/m);
  expect(stderr).toMatch(/^ok in \d+ ms, 1 call$/m);
});

test("--json prints the whole outcome as one document and nothing else", async () => {
  const { exitCode, stderr, document } = await outcomeOf("return await tools.add({a: 40, b: 2})");
  expect(document).toMatchObject({
    executionId: expect.any(String),
    correlationId: expect.stringMatching(/^cm-/),
    status: "ok",
    value: 42,
    error: null,
    logs: [],
    calls: [{ seq: 1, name: "add", state: "succeeded", durationMs: expect.any(Number) }],
    usage: { wallMs: expect.any(Number), cpuMs: expect.any(Number), peakHeapBytes: expect.any(Number), calls: 1 },
    warnings: [],
    attempts: 1,
  });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
});

test("bare functions are tools, and --context reaches the handlers", async () => {
  const code = "return [await tools.shout({ text: 'a' }), await tools.client({}), context.clientId]";
  const { document } = await outcomeOf(code, "--context", "clientId=acme", "plan=a=b");
  expect(document).toMatchObject({ status: "ok", value: ["A", "acme", "acme"] });
});

test("the file may follow --context", async () => {
  writeFileSync(join(cwd, "main.js"), "return context.a");
  expect(await codemode(["run", "--context", "a=1", "main.js"])).toMatchObject({ exitCode: 0, stdout: "1\n" });
});

test("a program that throws exits with 1 and shows where", async () => {
  const { exitCode, document } = await outcomeOf("const a = 1;\nthrow new Error('no luck')");
  expect(document).toMatchObject({ status: "failed", error: { type: "RuntimeError", line: 2 } });
  expect(exitCode).toBe(1);
  const { stdout, stderr } = await codemode(["run", "-"], { stdin: "const a = 1;\nthrow new Error('no luck')" });
  expect(stdout).toBe("");
  expect(stderr).toMatch(/^✗ RuntimeError: .*no luck.* \(line 2/m);
});

test("a program that outlives --timeout exits with 124", async () => {
  const { exitCode, document } = await outcomeOf("return tools.forever()", "--timeout", "300ms");
  const place = { line: null, column: null, frame: null };
  expect(document).toMatchObject({ status: "failed", error: { type: "Timeout", ...place } });
  expect(exitCode).toBe(124);
});

test("what a program prints cannot command the terminal", async () => {
  const { stderr } = await codemode(["run", "-"], { stdin: 'console.log("a\\x1b[2J\\x1b]0;owned\\x07b")' });
  expect(stderr).toMatch(/^log +ab$/m);
});

test("SIGINT cancels the run, shows its evidence and exits with 130", async () => {
  const { exitCode, stderr } = await codemode(["run", "-", "--tools", "./tools.mjs"], {
    stdin: "return tools.forever()",
    onStderr: (child, chunk) => void (chunk.includes("▸ #1 forever") && child.kill("SIGINT")), // once: a second one ends it at once
  });
  expect(stderr).toContain("✗ Cancelled");
  expect(exitCode).toBe(130);
});

test("an executor that is not there is named, and the command exits with 69", async () => {
  const port = await unusedPort();
  const env = { CODEMODE_EXECUTOR_URL: `127.0.0.1:${port}`, CODEMODE_RETRY_BASE_MS: "1" };
  const { exitCode, stdout, stderr } = await codemode(["run", "-", "--json"], { stdin: "return 1", env });
  expect(stderr).toMatch(new RegExp(`^codemode: ExecutorConnectionError: .*127\\.0\\.0\\.1:${port}`, "m"));
  expect(stderr).not.toContain("    at ");
  expect({ exitCode, stdout }).toEqual({ exitCode: 69, stdout: "" });
});

test("attempts that failed are shown, one line each", async () => {
  await using executor = await startScripted((peer, attempt) => {
    if (attempt < 3) return peer.fail({ code: status.UNAVAILABLE, details: `no\nmood, ${attempt}` });
    peer.accept();
    peer.finish("in");
  });
  const env = { CODEMODE_EXECUTOR_URL: executor.url, CODEMODE_RETRY_BASE_MS: "1" };
  const { exitCode, stdout, stderr } = await codemode(["run", "-"], { stdin: "return 1", env });
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "in\n" });
  expect(stderr).toContain(`attempt 1 UNREACHABLE: ${executor.url}: no mood, 1\nattempt 2 UNREACHABLE: `);
  expect(stderr).toMatch(/^ok in \d+ ms, 0 calls, 3 attempts$/m);
});
