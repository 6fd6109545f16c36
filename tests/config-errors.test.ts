import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadClientConfig, type LoadOptions } from "../client/src/config/index.ts";
import { ConfigError } from "../client/src/errors.ts";

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "codemode-config-"));
});
afterEach(() => rmSync(cwd, { recursive: true }));

/** The lines of the error that these options give; `yaml` becomes the file. */
function problems({ yaml, ...options }: LoadOptions & { yaml?: string }): string[] {
  if (yaml !== undefined) writeFileSync(join(cwd, "codemode-client.yaml"), yaml);
  try {
    loadClientConfig({ env: {}, cwd, ...options });
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split("\n");
    throw error;
  }
  return [];
}

const DURATION = "milliseconds or a duration such as 500ms, 30s or 2m";

test("every problem of every source is told at once, in the order of the file", () => {
  const yaml =
    "executor:\n  workers: two\nretry:\n  maxAttemps: 3\n  # three of them\n\n  maxAttempts: three\nretri: 1\n";
  const env = { CODEMODE_RUN_MAX_CALLS: "many" };
  expect(problems({ yaml, env, config: { retry: { baseMs: true as never } } })).toEqual([
    'CODEMODE_RUN_MAX_CALLS: expected a number, received "many"',
    'codemode-client.yaml:2:12: executor.workers: expected a number, received "two"',
    "codemode-client.yaml:4:3: retry.maxAttemps: unknown key, did you mean maxAttempts?",
    'codemode-client.yaml:7:16: retry.maxAttempts: expected a number, received "three"',
    "codemode-client.yaml:8:1: retri: unknown key, did you mean retry?",
    `config.retry.baseMs: expected ${DURATION}, received true`,
  ]);
});

test.each([
  ["retry:\n  maxAttempts: 11", "2:16: retry.maxAttempts: expected a whole number from 1 to 10, received 11"],
  ["retry:\n  maxAttempts: 1.5", "2:16: retry.maxAttempts: expected a whole number from 1 to 10, received 1.5"],
  [
    "retry:\n  maxAttempts: '5'",
    '2:16: retry.maxAttempts: expected a number, received "5" (quotes make it text, leave them out)',
  ],
  ["retry:\n  maxAttempts: [5]", "2:16: retry.maxAttempts: expected a number, received a list"],
  [
    "retry:\n  enabled: yes",
    '2:12: retry.enabled: expected true or false, received "yes" (YAML 1.2 reads it as text, write true)',
  ],
  [
    "retry:\n  enabled: Off",
    '2:12: retry.enabled: expected true or false, received "Off" (YAML 1.2 reads it as text, write false)',
  ],
  [
    "run:\n  timeoutMs: 30_000",
    `2:14: run.timeoutMs: expected ${DURATION}, received "30_000" (YAML 1.2 reads it as text, write 30000)`,
  ],
  ["run:\n  timeoutMs: 30sec", '2:14: run.timeoutMs: expected a duration from 1ms to 10m, received "30sec"'],
  ["run:\n  timeoutMs: 20m", '2:14: run.timeoutMs: expected a duration from 1ms to 10m, received "20m"'],
  ["run:\n  heapMib: 1GiB", '2:12: run.heapMib: expected a size from 8MiB to 256MiB, in whole MiB, received "1GiB"'],
  ["run:\n  url: host:1", "2:3: run.url: unknown key, did you mean executor.url?"],
  [
    "executor:\n  mode: embeded",
    '2:9: executor.mode: expected one of embedded, docker, remote, received "embeded", did you mean embedded?',
  ],
  ["executor:\n  mode: remote", "2:9: executor.mode: remote needs executor.url"],
  ["executor: 5", "1:11: executor: expected keys below it, received a single value"],
  ["- 1", "1:1: document: expected sections such as executor: and run:, received a list"],
  [
    "observability:\n  correlationIdPrefix: 12",
    "2:24: observability.correlationIdPrefix: expected text, received 12 (write it in quotes)",
  ],
  ["retry:\n  baseMs: 10s", "2:11: retry.baseMs: retry.baseMs (10000) must not be above retry.maxMs (5000)"],
  ["executor:\n  workers: ${W}", "2:12: executor.workers: W is not set; ${W:-…} gives a default"],
  ["executor:\n  workers: ${W:?say how many}", "2:12: executor.workers: W: say how many"],
  [
    "executor:\n  url: ${a b}",
    "2:8: executor.url: malformed ${…}; the forms are ${VAR}, ${VAR:-default} and ${VAR:?message} ($$ is a dollar sign)",
  ],
  ["executor: {workers: ${W}}", "1:22: ${…} needs quotes inside { } and [ ]"],
  ["retry:\n  maxMs: 1\n  maxMs: 2", "3:3: Map keys must be unique"],
  ["run:\n\tmaxCalls: 1", "2:1: Tabs are not allowed as indentation"],
  ["executor:\n  workers: *w", "2:12: executor.workers: an alias (*name) needs its anchor (&name) above it"],
])("YAML %j is refused at its place", (yaml, problem) => {
  expect(problems({ yaml })[0]).toBe(`codemode-client.yaml:${problem}`);
});

test("a file of nothing but brackets is refused, however many there are", () => {
  expect(problems({ yaml: "[".repeat(100_000) })[0]).toMatch(/^codemode-client\.yaml:1:\d+: nested too deeply$/);
});

test("aliases that would unfold to millions of values stay folded and are refused", () => {
  const levels = Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`);
  const yaml = `a0: &a0 [1, 1]\n${levels.join("\n")}\nexecutor:\n  workers: *a30\n`;
  const lines = problems({ yaml });
  expect(lines[0]).toBe(
    "codemode-client.yaml:1:1: a0: unknown key; the sections are executor, tls, run, retry, observability",
  );
  expect(lines.at(-1)).toBe("… and 12 more problems");
});

test("a file above 1 MiB is refused unread", () => {
  expect(problems({ yaml: "#".repeat(1_048_577) })).toEqual(["codemode-client.yaml: larger than 1 MiB"]);
});

test("a file that was named and is not there is an error, one that was only looked for is not", () => {
  expect(problems({})).toEqual([]);
  expect(problems({ configPath: "no.yaml" })).toEqual(['configPath: cannot read "no.yaml" (ENOENT)']);
  expect(problems({ env: { CODEMODE_CONFIG: "no.yaml" } })).toEqual([
    'CODEMODE_CONFIG: cannot read "no.yaml" (ENOENT)',
  ]);
});

test("arguments of the wrong shape are named from the root", () => {
  expect(problems({ config: 5 as never })).toEqual(["config: expected an object, received 5"]);
  expect(problems({ config: { retry: [] as never } })).toEqual([
    "config.retry: expected an object of keys, received a list",
  ]);
  expect(problems({ config: { run: { maxCals: 1 } as never } })).toEqual([
    "config.run.maxCals: unknown key, did you mean maxCalls?",
  ]);
  expect(problems({ config: JSON.parse('{"__proto__": {"a": 1}}') as never })).toEqual([
    "config.__proto__: unknown key; the sections are executor, tls, run, retry, observability",
  ]);
});

test("secrets never appear in an error", () => {
  const file = join(cwd, "key");
  writeFileSync(file, "s3cret with spaces");
  const both = { CODEMODE_EXECUTOR_API_KEY: "s3cret", CODEMODE_EXECUTOR_API_KEY_FILE: file };
  expect(problems({ env: both })).toEqual([
    "CODEMODE_EXECUTOR_API_KEY: CODEMODE_EXECUTOR_API_KEY_FILE is set as well; keep one of them",
  ]);
  expect(problems({ env: { CODEMODE_EXECUTOR_API_KEY_FILE: file } })).toEqual([
    "CODEMODE_EXECUTOR_API_KEY_FILE: expected printable ASCII without spaces, received something else that is not shown",
  ]);
  const leaks = [
    problems({ yaml: "executor:\n  apiKey: 's3cret' s3cret" }),
    problems({ yaml: "executor:\n  apiKey: [s3cret]" }),
    problems({ yaml: "executor:\n  apiKey: }s3cret" }),
    problems({ yaml: "executor:\n  url: https://me:s3cret@host" }),
    problems({ yaml: "executor:\n  workers: ${KEY}", env: { KEY: "s3cret" } }),
    problems({ yaml: "", config: { executor: { apiKey: { s3cret: 1 } as never } } }),
  ];
  for (const lines of leaks) expect(lines.join()).toMatch(/^(?!.*s3cret).+$/s);
});

test("an unknown variable is a warning with the nearest name; variables of the executor are known", () => {
  const env = {
    CODEMODE_RETRY_MAX_ATTEMPS: "4",
    CODEMODE_EXECUTOR_LISTEN: "127.0.0.1:1",
    CODEMODE_ZZZ: "1",
    CODEMODE_CONFIG: "",
  };
  expect(loadClientConfig({ cwd, env }).warnings).toEqual([
    "CODEMODE_RETRY_MAX_ATTEMPS: unknown variable, did you mean CODEMODE_RETRY_MAX_ATTEMPTS?",
    "CODEMODE_ZZZ: unknown variable, it changes nothing",
  ]);
});
