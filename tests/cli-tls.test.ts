import { X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Certificates } from "./certificates.ts";
import { startInProcess, type Fixture } from "./executor-fixture.ts";
import { type CommandOptions, runCommand } from "./setup/command.ts";

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "codemode-cli-tls-"));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const codemode = (args: readonly string[], options?: CommandOptions) => runCommand(cwd, args, options);
const read = (name: string) => readFileSync(join(cwd, "codemode-tls", name), "utf8");

describe("codemode tls", () => {
  test("makes what it prints: an executor and a client that know each other", async () => {
    const { exitCode, stdout, stderr } = await codemode(["tls", "--host", "executor.internal", "10.0.0.7"]);
    expect(stderr).toContain(join(cwd, "codemode-tls"));
    expect(exitCode).toBe(0);
    const env = parseEnv(stdout) as Record<string, string>;
    await using executor = await startInProcess({ ...env, CODEMODE_EXECUTOR_API_KEY: "k" });
    const url = `https://localhost:${executor.executor.address.split(":").at(-1)}`;
    const client = { ...env, CODEMODE_EXECUTOR_URL: url, CODEMODE_EXECUTOR_API_KEY: "k" };
    const ran = await codemode(["run", "-"], { stdin: "return 6 * 7", env: client });
    expect(ran).toMatchObject({ exitCode: 0, stdout: "42\n", stderr: expect.stringMatching(/^ok in/) });
    const server = new X509Certificate(read("server.pem"));
    for (const host of ["localhost", "executor.internal"]) expect(server.checkHost(host)).toBe(host);
    for (const address of ["127.0.0.1", "::1", "10.0.0.7"]) expect(server.checkIP(address)).toBe(address);
    const days = (server.validToDate.getTime() - Date.now()) / 86_400_000;
    expect([Math.round(days), server.ca]).toEqual([30, false]);
  });

  test("keys are for their owner alone, that of the authority is nowhere, and nothing is printed of any", async () => {
    const { stdout, stderr } = await codemode(["tls"]);
    const files = readdirSync(join(cwd, "codemode-tls")).toSorted();
    expect(files).toEqual(["ca.pem", "client-key.pem", "client.pem", "server-key.pem", "server.pem"]);
    for (const name of files) {
      const isKey = name.includes("key");
      expect(read(name).includes("PRIVATE KEY")).toBe(isKey);
      expect(statSync(join(cwd, "codemode-tls", name)).mode & 0o777).toBe(isKey ? 0o600 : 0o644);
    }
    expect(stdout + stderr).not.toContain("PRIVATE KEY");
  });

  test("what is there is replaced with --force alone, and then with the rights that it is to have", async () => {
    mkdirSync(join(cwd, "codemode-tls"));
    writeFileSync(join(cwd, "codemode-tls", "client-key.pem"), "mine", { mode: 0o644 });
    const refused = await codemode(["tls"]);
    expect(refused).toMatchObject({
      exitCode: 2,
      stdout: "",
      stderr: expect.stringMatching(/client-key\.pem is there already: .*--force/),
    });
    expect(readdirSync(join(cwd, "codemode-tls"))).toEqual(["client-key.pem"]);
    expect(read("client-key.pem")).toBe("mine");
    expect(await codemode(["tls", "--force"])).toMatchObject({ exitCode: 0 });
    expect(read("client-key.pem")).toContain("PRIVATE KEY");
    expect(statSync(join(cwd, "codemode-tls", "client-key.pem")).mode & 0o777).toBe(0o600);
  });

  test("what cannot be done is told: a host that is none, a folder that cannot be made", async () => {
    expect(await codemode(["tls", "--host", "a b"])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('--host "a b": expected'),
    });
    writeFileSync(join(cwd, "file"), "");
    expect(await codemode(["tls", "--out", "file/x"])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/Cannot write to .*file\/x \(ENOTDIR\)/),
    });
  });
});

describe("codemode doctor", () => {
  const KEY = "a-key-of-16-chars";
  let certificates: Certificates;
  let executor: Fixture;
  let remote: Record<string, string>;
  beforeAll(async () => {
    certificates = await Certificates.make();
    executor = await startInProcess({ ...certificates.mutualServer, CODEMODE_EXECUTOR_API_KEY: KEY });
    const port = executor.executor.address.split(":").at(-1);
    remote = { CODEMODE_EXECUTOR_URL: `https://localhost:${port}`, CODEMODE_EXECUTOR_API_KEY: KEY };
  });
  afterAll(async () => {
    await executor[Symbol.asyncDispose]();
    certificates[Symbol.dispose]();
  });

  test("finds an executor with TLS, and what is wrong on the way to it", { timeout: 90_000 }, async () => {
    const { caFile, certFile, keyFile } = certificates.client;
    const ca = { CODEMODE_TLS_CA_FILE: caFile };
    const own = { CODEMODE_TLS_CERT_FILE: certFile, CODEMODE_TLS_KEY_FILE: keyFile };
    const cases: readonly (readonly [env: Record<string, string>, exitCode: number, finding: RegExp])[] = [
      [{ ...ca, ...own }, 0, /^ok executor: .*"address":"https:\/\/localhost:\d+ \(127\.0\.0\.1\)"/m],
      [{ ...ca, ...own }, 0, /^warning tls\.certFile: expires on 20\d\d-.*, in 0 days$/m],
      [own, 69, /^FAILED executor: .*self-signed certificate in certificate chain; tls\.caFile/m],
      [ca, 69, /^FAILED executor: .*certificate required; .*tls\.certFile and tls\.keyFile/m],
      [{ ...ca, ...own, CODEMODE_TLS_SERVER_NAME: "b" }, 69, /^FAILED executor: .*Host: b\..*tls\.serverName/m],
      [{ CODEMODE_TLS_CA_FILE: "none.pem" }, 78, /^FAILED configuration: CODEMODE_TLS_CA_FILE: .*ENOENT/m],
      [
        { CODEMODE_EXECUTOR_URL: "executor:1" },
        78,
        /^FAILED configuration: CODEMODE_EXECUTOR_API_KEY: .*in clear text/m,
      ],
    ];
    for (const [env, exitCode, finding] of cases) {
      const ended = await codemode(["doctor"], { env: { ...remote, ...env } });
      expect(ended.stdout).toMatch(finding);
      expect(ended.exitCode).toBe(exitCode);
      expect(ended.stdout + ended.stderr).not.toContain(KEY);
    }
  });
});
