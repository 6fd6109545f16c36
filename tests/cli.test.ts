import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { keys } from "../client/src/config/schema.ts";
import { type CommandOptions, type Ended, runCommand, unusedPort } from "./setup/command.ts";

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "codemode-cli-"));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const codemode = (args: readonly string[], options?: CommandOptions) => runCommand(cwd, args, options);

describe("a call that cannot work", () => {
  test.each([
    [["run", "--nonsense"], "error: unknown option '--nonsense'\n"],
    [["fly"], "error: unknown command 'fly'\n"],
    [["run", "-", "--timeout", "soon"], "Expected a duration such as 500ms, 5s or 2m."],
    [["run"], "codemode: Missing the program: a file, or - for stdin\n"],
    [["run", "missing.js"], 'codemode: Cannot read "missing.js" (ENOENT)\n'],
    [["run", "-", "--context", "clientId"], 'codemode: --context "clientId": expected key=value\n'],
    [["run", "-", "--tools", "./missing.mjs"], "codemode: --tools ./missing.mjs: cannot be loaded: "],
  ])("%j exits with 2, says why, and prints nothing on stdout", async (args, message) => {
    const { exitCode, stdout, stderr } = await codemode(args);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("    at ");
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  });

  test("a tools module whose default export is no registry and no object of tools is named", async () => {
    writeFileSync(join(cwd, "tools.mjs"), "export default { add: 5 }");
    const { exitCode, stderr } = await codemode(["run", "-", "--tools", "./tools.mjs"]);
    expect(stderr).toContain(
      '--tools ./tools.mjs: Cannot register tool or agent "add" (registerAll()): it is a number',
    );
    expect(exitCode).toBe(2);
  });

  test("--help and --version are no failures", async () => {
    expect(await codemode(["--help"])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("run [options] [file]"),
    });
    expect(await codemode(["--version"])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });
});

describe("codemode config", () => {
  test("prints every key, its value and its source, secrets masked", async () => {
    writeFileSync(join(cwd, "codemode-client.yaml"), "retry:\n  maxAttempts: 5\n");
    const env = {
      CODEMODE_EXECUTOR_API_KEY: "s3cret",
      CODEMODE_EXECUTOR_URL: "https://host",
      CODEMODE_RUN_TIMEOUT: "1",
    };
    const { exitCode, stdout, stderr } = await codemode(["config"], { env });
    expect(stdout).toMatch(/^retry\.maxAttempts +5 +codemode-client\.yaml:2:16$/m);
    expect(stdout).toMatch(/^executor\.apiKey +\*\*\* +CODEMODE_EXECUTOR_API_KEY$/m);
    expect(stdout.trimEnd().split("\n")).toHaveLength(keys.size);
    expect(stderr).toBe("warning: CODEMODE_RUN_TIMEOUT: unknown variable, did you mean CODEMODE_RUN_TIMEOUT_MS?\n");
    expect(exitCode).toBe(0);
  });

  test("--json prints one document", async () => {
    const { stdout } = await codemode(["config", "--json"]);
    const document = JSON.parse(stdout) as { keys: unknown[] };
    expect(document.keys).toContainEqual({ path: "retry.maxAttempts", value: 3, source: "default" });
  });

  test("a bad file exits with 78 and one line for each problem, and so do run and doctor", async () => {
    writeFileSync(join(cwd, "codemode-client.yaml"), "retry:\n  maxAttempts: three\n  maxAttemps: 3\n");
    const problems = [
      'codemode-client.yaml:2:16: retry.maxAttempts: expected a number, received "three"',
      "codemode-client.yaml:3:3: retry.maxAttemps: unknown key, did you mean maxAttempts?",
    ].join("\n");
    expect(await codemode(["config"])).toEqual({ exitCode: 78, stdout: "", stderr: `${problems}\n` });
    expect(await codemode(["run", "-"])).toEqual({ exitCode: 78, stdout: "", stderr: `${problems}\n` });
    const { exitCode, stdout } = await codemode(["doctor"]);
    expect(stdout).toContain(problems);
    expect(exitCode).toBe(78);
  });
});

describe("codemode executor", () => {
  test("runs until it is told to stop, and a run can use it", async () => {
    const port = await unusedPort();
    const address = `127.0.0.1:${port}`;
    let used: Promise<Ended> | undefined;
    const { exitCode } = await codemode(["executor", "--listen", address], {
      onStderr: (child, chunk) => {
        if (used || !chunk.includes(String(port))) return;
        used = codemode(["run", "-"], { stdin: "return 6 * 7", env: { CODEMODE_EXECUTOR_URL: address } });
        void used.finally(() => child.kill("SIGTERM"));
      },
    });
    expect(await used).toMatchObject({ exitCode: 0, stdout: "42\n" });
    expect([0, 143]).toContain(exitCode);
  });

  test("its exit code is that of the executor", async () => {
    const { exitCode } = await codemode(["executor", "--listen", "nonsense"]);
    expect(exitCode).toBe(78);
  });
});

describe("codemode doctor", () => {
  test("looks at everything, and all is well", async () => {
    const { exitCode, stdout } = await codemode(["doctor"]);
    for (const subject of ["Node", "configuration", "isolated-vm", "executor"])
      expect(stdout).toContain(`ok ${subject}: `);
    expect(exitCode).toBe(0);
  });

  test("an executor that is not there is a finding", async () => {
    const env = { CODEMODE_EXECUTOR_URL: `127.0.0.1:${await unusedPort()}`, CODEMODE_RETRY_BASE_MS: "1" };
    const { exitCode, stdout } = await codemode(["doctor"], { env });
    expect(stdout).toContain("FAILED executor: ");
    expect(exitCode).toBe(69);
  });
});
