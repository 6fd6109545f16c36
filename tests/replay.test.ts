import { mkdtempDisposableSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Codemode, type JournalDocument, type Outcome } from "../client/src/index.ts";
import { startInProcess } from "./executor-fixture.ts";
import { changed, GONE, type Path, recorded } from "./recorded-run.ts";
import { runCommand } from "./setup/command.ts";

// Recorded runs, run again with no handler called.

const shownBy = ({ value, error, logs, outputs, warnings }: Outcome) => ({ value, error, logs, outputs, warnings });

test("a replay ends as the run did, and calls nobody", async () => {
  await using it = await recorded();
  expect(it.outcome).toMatchObject({ status: "ok", value: { a: new Map([["a", new Date(5)]]), c: "E_NONE" } });
  const again = await it.codemode.replay(it.document);
  expect(shownBy(again)).toEqual(shownBy(it.outcome));
  expect(again.calls.map(({ name, state }) => [name, state])).toEqual(
    it.outcome.calls.map(({ name, state }) => [name, state]),
  );
  expect(it.calls).toEqual([]);
});

test("a run that failed fails again in a replay", async () => {
  await using it = await recorded("return tools.get({ key: 'none' })");
  const again = await it.codemode.replay(it.document);
  expect(again).toMatchObject({ error: { type: "ToolError", code: "E_NONE", seq: 1 } });
  expect(shownBy(again)).toEqual(shownBy(it.outcome));
});

test.each([
  ["makes another call", 'key: "b"', 'key: "c"', /Call 3|call 3/],
  ["makes one call more", "return {", 'await tools.get({ key: "more" }); return {', "Call 6 is not in the journal"],
  [
    "makes one call less",
    "await new Promise((resolve) => setTimeout(resolve, 1));",
    "",
    "made 4 calls; the journal has 5",
  ],
  ["waits for what was never answered", "return {", "await slow; return {", "it has no answer to call 1"],
])("a program that %s is Diverged", async (_, from, to, message) => {
  await using it = await recorded();
  expect(it.document.code).toContain(from);
  const again = await it.codemode.replay({ ...it.document, code: it.document.code.replace(from, to) });
  expect(again).toMatchObject({ status: "failed", error: { type: "Diverged" } });
  expect(again.error?.message).toMatch(message);
  expect(it.calls).toEqual([]);
});

test("what is no journal is refused, with the place", async () => {
  await using codemode = Codemode.fromClientConfig({ config: { executor: { mode: "remote", url: "127.0.0.1:1" } } });
  for (const document of [null, [], {}, { version: 2 }]) {
    const failure = await codemode.replay(document as never).catch((error) => error);
    expect(failure).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("no journal of a run"),
    });
  }
  await expect(codemode.journal("none")).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test.each<[change: string, path: Path, to: unknown, why: string]>([
  [
    "leaves a call out",
    ["calls", 0],
    GONE,
    "expected 1: calls stand in their order, without gaps\n  → at calls[0].seq",
  ],
  [
    "settles two calls at once",
    ["calls", 1, "settleOrder"],
    2,
    "expected 1: there are no gaps, and no doubles\n  → at calls[1].settleOrder",
  ],
  [
    "settles a call before the last",
    ["calls", 2, "settledAt"],
    "2001-01-01T00:00:00Z",
    "expected no time before that of the call that settled before it\n  → at calls[2].settledAt",
  ],
  [
    "settles a call without an answer",
    ["calls", 3, "error"],
    GONE,
    "does not fit a tool that has failed\n  → at calls[3].error",
  ],
  [
    "answers a call that is pending",
    ["calls", 1, "state"],
    "pending",
    "expected none of a call that is pending\n  → at calls[1].settledAt",
  ],
])("a document that %s is refused with the place", async (_, path, to, why) => {
  await using it = await recorded();
  const failure = await it.codemode.replay(changed(it.document, path, () => to) as never).catch((error) => error);
  expect(failure).toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining(why) });
});

test("codemode run --journal writes a file, and codemode replay runs it", async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), "codemode-replay-"));
  await using executor = await startInProcess();
  const env = { CODEMODE_EXECUTOR_URL: executor.executor.address };
  const tools =
    "import { appendFileSync } from 'node:fs'; export default { add: ({ a }) => (appendFileSync('done', 'x'), a + 1) };";
  writeFileSync(join(folder.path, "tools.mjs"), tools);
  const command = (args: string[], stdin = "") => runCommand(folder.path, args, { env, stdin });
  const code = "console.log('hi'); return tools.add({ a: 41 })";
  const ran = await command(["run", "-", "--tools", "./tools.mjs", "--journal", "run.json"], code);
  expect(ran).toMatchObject({ exitCode: 0, stdout: "42\n" });

  const again = await command(["replay", "run.json"]);
  expect(again).toMatchObject({ exitCode: 0, stdout: "42\n", stderr: expect.stringMatching(/^log +hi$/m) });
  const { stdout } = await command(["replay", "run.json", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ status: "ok", value: 42, calls: [{ name: "add", state: "succeeded" }] });
  expect(readFileSync(join(folder.path, "done"), "utf8")).toBe("x");

  const document = JSON.parse(readFileSync(join(folder.path, "run.json"), "utf8")) as JournalDocument;
  writeFileSync(join(folder.path, "other.json"), JSON.stringify({ ...document, code: code.replace("41", "40") }));
  const diverged = await command(["replay", "other.json"]);
  expect(diverged).toMatchObject({ exitCode: 1, stdout: "", stderr: expect.stringContaining("✗ Diverged") });

  expect(await command(["replay", "none.json"])).toMatchObject({ exitCode: 2 });
  expect(await command(["replay", "tools.mjs"])).toMatchObject({ exitCode: 2 });
});
