import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { explainClientConfig, loadClientConfig, type LoadOptions } from "../client/src/config/index.ts";
import { keys } from "../client/src/config/schema.ts";

/** For each key: its default, then what is written in an argument, in YAML and in a variable, each with what it means. */
type Written = readonly [written: unknown, means: unknown];
const table: Readonly<Record<string, readonly [byDefault: unknown, argument: Written, yaml: Written, env: Written]>> = {
  "executor.mode": ["embedded", ["remote", "remote"], ["embedded", "embedded"], ["remote", "remote"]],
  "executor.url": [undefined, ["a:1", "a:1"], ["https://b", "https://b"], ["dns:///c:3", "dns:///c:3"]],
  "executor.apiKey": [undefined, ["k-arg", "k-arg"], ['"123"', "123"], ["456", "456"]],
  "executor.allowInsecureKey": [false, [false, false], [true, true], ["true", true]],
  "executor.image": ["codemode-executor", ["a", "a"], ["b/c:1", "b/c:1"], ["d@sha256:0", "d@sha256:0"]],
  "executor.container": ["codemode-executor", ["a", "a"], ["b", "b"], ["c-1", "c-1"]],
  "executor.workers": [undefined, [1, 1], [2, 2], ["3", 3]],
  "executor.isolation": ["isolate", ["process", "process"], ["process", "process"], ["process", "process"]],
  "executor.jit": [false, [false, false], [true, true], ["true", true]],
  "executor.startTimeoutMs": [10_000, [1, 1], ["2s", 2_000], ["3m", 180_000]],
  "executor.connectTimeoutMs": [5_000, ["1s", 1_000], [2, 2], ["3", 3]],
  "tls.caFile": [undefined, ["a", "a"], ["/b/c", "/b/c"], ["d", "d"]],
  "tls.certFile": [undefined, ["a", "a"], ["/b/c", "/b/c"], ["d", "d"]],
  "tls.keyFile": [undefined, ["a", "a"], ["/b/c", "/b/c"], ["d", "d"]],
  "tls.serverName": [undefined, ["a", "a"], ["b.internal", "b.internal"], ["10.0.0.1", "10.0.0.1"]],
  "run.timeoutMs": [30_000, ["500ms", 500], ["1.5s", 1_500], ["2m", 120_000]],
  "run.maxWaitMs": [300_000, ["500ms", 500], ["90m", 5_400_000], ["1000", 1_000]],
  "run.cpuMs": [undefined, [1, 1], ["2s", 2_000], ["3s", 3_000]],
  "run.heapMib": [undefined, ["16MiB", 16], [32, 32], ["128MiB", 128]],
  "run.maxCalls": [undefined, [0, 0], [2, 2], ["3", 3]],
  "run.maxCallsInFlight": [undefined, [1, 1], [2, 2], ["3", 3]],
  "run.maxCodeBytes": [undefined, ["1KiB", 1_024], [2, 2], ["1MiB", 1_048_576]],
  "run.maxResultBytes": [undefined, [1, 1], ["2B", 2], ["3MiB", 3_145_728]],
  "run.maxLogBytes": [undefined, [0, 0], ["2KiB", 2_048], ["3", 3]],
  "run.maxLogLines": [undefined, [1, 1], [2, 2], ["3", 3]],
  "run.toolTimeoutMs": [undefined, [1, 1], ["2s", 2_000], ["3s", 3_000]],
  "retry.enabled": [true, [true, true], [false, false], ["false", false]],
  "retry.maxAttempts": [3, [1, 1], [2, 2], ["4", 4]],
  "retry.baseMs": [100, [1, 1], ["2ms", 2], ["3", 3]],
  "retry.maxMs": [5_000, ["1s", 1_000], ["2s", 2_000], ["3s", 3_000]],
  "retry.maxElapsedMs": [300_000, ["1s", 1_000], ["2s", 2_000], ["90m", 5_400_000]],
  "observability.logLevel": ["warn", ["error", "error"], ["info", "info"], ["debug", "debug"]],
  "observability.correlationIdPrefix": ["cm", ["a", "a"], ["b", "b"], ["7", "7"]],
};

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "codemode-config-"));
});
afterEach(() => rmSync(cwd, { recursive: true }));

function write(yaml: string, folder = cwd): string {
  const file = join(folder, "codemode-client.yaml");
  writeFileSync(file, yaml);
  return file;
}

function valueOf(path: string, options: LoadOptions): unknown {
  const [section = "", name = ""] = path.split(".");
  const { config } = loadClientConfig({ env: {}, cwd, ...options });
  return (config as unknown as Record<string, Record<string, unknown>>)[section]?.[name];
}

test("the table above has every key", () => {
  expect(Object.keys(table)).toEqual([...keys.keys()]);
});

describe.each(Object.entries(table))("%s", (path, [byDefault, argument, yaml, env]) => {
  const [section = "", name = ""] = path.split(".");
  const asArgument = { [section]: { [name]: argument[0] } } as LoadOptions["config"];
  const asVariable = { [keys.get(path)!.variable]: String(env[0]) };
  // The only key that needs another one: a remote executor has an address.
  const needed = path === "executor.mode" ? { CODEMODE_EXECUTOR_URL: "host:1" } : {};

  test("has its default", () => expect(valueOf(path, {})).toEqual(byDefault));

  test("comes from its variable", () => {
    expect(valueOf(path, { env: { ...needed, ...asVariable } })).toEqual(env[1]);
  });

  test("comes from YAML before its variable", () => {
    write(`${section}:\n  ${name}: ${String(yaml[0])}\n`);
    expect(valueOf(path, { env: { ...needed, ...asVariable } })).toEqual(yaml[1]);
  });

  test("comes from an argument before YAML and its variable", () => {
    write(`${section}:\n  ${name}: ${String(yaml[0])}\n`);
    expect(valueOf(path, { env: { ...needed, ...asVariable }, config: asArgument })).toEqual(argument[1]);
  });
});

test("sources mix key by key", () => {
  write("retry:\n  maxAttempts: 5\n");
  const { config } = loadClientConfig({ cwd, env: { CODEMODE_RETRY_BASE_MS: "7" }, config: { retry: { maxMs: 9 } } });
  expect(config.retry).toEqual({ enabled: true, maxAttempts: 5, baseMs: 7, maxMs: 9, maxElapsedMs: 300_000 });
});

test("the configuration is frozen", () => {
  const { config } = loadClientConfig({ cwd, env: {} });
  expect(Object.isFrozen(config) && Object.values(config).every(Object.isFrozen)).toBe(true);
});

test("the file is found upward, by CODEMODE_CONFIG before that, by configPath before both", () => {
  const [inner, named, given] = ["a/b", "named", "given"].map((folder) => join(cwd, folder)) as [
    string,
    string,
    string,
  ];
  for (const folder of [inner, named, given]) mkdirSync(folder, { recursive: true });
  write("run:\n  maxCalls: 1\n");
  const env = { CODEMODE_CONFIG: write("run:\n  maxCalls: 2\n", named) };
  const configPath = write("run:\n  maxCalls: 3\n", given);
  expect(valueOf("run.maxCalls", { cwd: inner })).toBe(1);
  expect(valueOf("run.maxCalls", { cwd: inner, env })).toBe(2);
  expect(valueOf("run.maxCalls", { cwd: inner, env, configPath })).toBe(3);
});

test("an address alone means a remote executor; a mode that is set stays", () => {
  expect(valueOf("executor.mode", { config: { executor: { url: "host:1" } } })).toBe("remote");
  const options = { cwd, env: { CODEMODE_EXECUTOR_MODE: "embedded" }, config: { executor: { url: "host:1" } } };
  const { config, warnings } = loadClientConfig(options);
  expect(config.executor.mode).toBe("embedded");
  expect(warnings).toEqual(["config.executor.url: changes nothing, because executor.mode is embedded"]);
});

test("the key may come from a file, without its last newline", () => {
  const file = join(cwd, "key");
  writeFileSync(file, "s3cret\n");
  expect(valueOf("executor.apiKey", { env: { CODEMODE_EXECUTOR_API_KEY_FILE: file } })).toBe("s3cret");
});

test("a path in a file starts at the folder of that file, elsewhere it is left as it is", () => {
  mkdirSync(join(cwd, "inner"));
  write("tls:\n  caFile: certificates/ca.pem\n  certFile: /elsewhere/client.pem\n");
  const options = { cwd: join(cwd, "inner"), config: { tls: { keyFile: "key.pem" } } };
  expect(valueOf("tls.caFile", options)).toBe(join(cwd, "certificates/ca.pem"));
  expect(valueOf("tls.certFile", options)).toBe("/elsewhere/client.pem");
  expect(valueOf("tls.keyFile", options)).toBe("key.pem");
});

test("keys of TLS that change nothing are told", () => {
  const warnings = (executor: object) =>
    loadClientConfig({ cwd, env: {}, config: { executor, tls: { serverName: "a" } } }).warnings;
  const because = (why: string) => [`config.tls.serverName: changes nothing, because ${why}`];
  expect(warnings({})).toEqual(because("executor.mode is embedded"));
  expect(warnings({ url: "127.0.0.1:1" })).toEqual(because("executor.url has no address with https://"));
  expect(warnings({ url: "127.0.0.1:1,https://b" })).toEqual([]);
});

test("variables are filled into scalars and typed only where nothing is quoted", () => {
  const env = { N: "4", KEY: "0123", LEVEL: "in", EMPTY: "", EVIL: "5\n  maxCalls: 6" };
  write(`executor:\n  apiKey: \${KEY}\n  url: "\${HOST:-localhost}:80"\n  workers: \${EMPTY}
observability:\n  logLevel: \${LEVEL}fo\n  correlationIdPrefix: \${EMPTY:-x}\nretry:\n  maxAttempts: \${N:?needed}\n`);
  const { config } = loadClientConfig({ cwd, env });
  expect(config.executor).toMatchObject({ apiKey: "0123", url: "localhost:80" });
  expect(config.executor.workers).toBeUndefined();
  expect(config.observability).toEqual({ logLevel: "info", correlationIdPrefix: "x" });
  expect(config.retry.maxAttempts).toBe(4);
  write("retry:\n  maxAttempts: ${EVIL}\n");
  expect(() => loadClientConfig({ cwd, env })).toThrow("expected a number, received the value of ${EVIL}");
});

test("every value is explained with its source, and secrets are masked", () => {
  write("retry:\n  maxAttempts: 5\n");
  const env = { CODEMODE_EXECUTOR_API_KEY: "s3cret", CODEMODE_RUN_CPU_MS: "2s" };
  const explained = explainClientConfig({ cwd, env, config: { executor: { url: "https://host" } } });
  const of = (path: string) => explained.find((entry) => entry.path === path);
  expect(explained.map(({ path }) => path)).toEqual([...keys.keys()]);
  expect(of("retry.maxAttempts")).toEqual({ path: "retry.maxAttempts", value: 5, source: "codemode-client.yaml:2:16" });
  expect(of("run.cpuMs")).toEqual({ path: "run.cpuMs", value: 2_000, source: "CODEMODE_RUN_CPU_MS" });
  expect(of("executor.mode")).toMatchObject({ value: "remote", source: "executor.url (arguments)" });
  expect(of("executor.apiKey")).toMatchObject({ value: "***", source: "CODEMODE_EXECUTOR_API_KEY" });
  expect(of("retry.baseMs")).toMatchObject({ value: 100, source: "default" });
  expect(JSON.stringify(explained)).not.toContain("s3cret");
});

test("the file in this repository has every key, each with a valid value", () => {
  const text = readFileSync(join(import.meta.dirname, "../codemode-client.yaml"), "utf8");
  const commented = text.replace(/^ {2}# (\w+:)/gm, "  $1");
  write(commented);
  const explained = explainClientConfig({ cwd, env: { MY_EXECUTOR_KEY: "k" } });
  expect(explained.filter(({ source }) => source === "default")).toEqual([]);
  for (const { path, value } of explained) {
    const { fallback } = keys.get(path)!;
    if (fallback !== undefined) expect({ path, value }).toEqual({ path, value: fallback });
  }
});

test("the editors' schema and the table of the docs are those of the schema in the code", () => {
  const script = join(import.meta.dirname, "../scripts/config-docs.ts");
  expect(() => execFileSync(process.execPath, [script, "--check"], { stdio: "pipe" })).not.toThrow();
});
