import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startInProcess } from "./executor-fixture.ts";
import { fuzz, KEY, send } from "./fuzz/fuzz.ts";
import { scriptOf } from "./fuzz/script.ts";

// Wrong HTTP/2 frames and wrong messages over real sockets. `npm run fuzz` is the long form.

const seed = Number(process.env["FUZZ_SEED"] ?? 1);
const frames = Number(process.env["FUZZ_FRAMES"] ?? 10_000);
const timeout = 120_000 + 10 * frames;

test("whatever comes over the wire, the executor and its other clients go on", { timeout }, async () => {
  const { failures, tally } = await fuzz({ seed, frames, width: 32 });
  console.info(`FUZZ_SEED=${seed} FUZZ_FRAMES=${frames}`, tally);
  expect(failures.slice(0, 5).join("\n")).toBe("");
});

/** Scripts that have left something behind once. */
const found: readonly (readonly [seed: number, what: string])[] = [
  [352, "a stream that grpc-js left open, because it refused a message while we wrote one"],
];

test.each(found)("seed %i: %s", { timeout }, async (seed) => {
  using folder = mkdtempDisposableSync(join(tmpdir(), "cm-"));
  const path = join(folder.path, "s");
  const settings = { CODEMODE_EXECUTOR_LISTEN: `unix:${path}`, CODEMODE_EXECUTOR_API_KEY: KEY };
  await using executor = await startInProcess(settings);
  for (let turn = 0; turn < 5; turn++) expect(await send(scriptOf(seed, KEY), path)).toEqual([]);
  expect(await executor.run("return 1")).toMatchObject({ value: 1 });
});
