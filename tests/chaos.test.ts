import { expect, test } from "vitest";
import { Run } from "../client/src/index.ts";
import { chaos, crowd, type Report } from "./chaos/chaos.ts";

// Random programs while everything dies that can die. `npm run chaos` is the long form.

const seed = Number(process.env["CHAOS_SEED"] ?? 1);
const programs = Number(process.env["CHAOS_PROGRAMS"] ?? 40);
const timeout = 60_000 + 5_000 * programs; // a quarter of a second each where nothing else runs

/** A failure begins with the variables that make it again. */
function expectNone({ failures, tally }: Report): void {
  if (programs > 1_000) console.info({ ...tally, failures: failures.length });
  expect(failures.slice(0, 5).join("\n\n")).toBe("");
}

test(
  "whatever dies, programs come to the ends that they come to in peace, and each call is made once",
  { timeout },
  async () => {
    const report = await chaos({ seed, programs, width: 8 });
    expectNone(report);
    if (programs > 20) expect(report.tally["attempts"]).toBeGreaterThan(programs);
  },
);

test("so they do on one worker for all, in an executor that must ask for each journal", { timeout }, async () => {
  const report = await crowd({ seed: seed + programs, programs: Math.ceil(programs / 5), width: 8 });
  expectNone(report);
  if (programs > 20) expect(report.tally["recalls"]).toBeGreaterThan(0);
});

/** Tells a later attempt nothing of what was done. */
class Forgetful extends Run {
  override connect(say: Parameters<Run["connect"]>[0]): ReturnType<Run["connect"]> {
    return super.connect((event) =>
      say(event.$case === "start" ? { ...event, value: { ...event.value, journal: undefined } } : event),
    );
  }
}

test("without replay they do not", { timeout }, async () => {
  const { failures } = await chaos(
    { seed, programs: 12, width: 8 },
    (request, journal) => new Forgetful(request, undefined, journal),
  );
  expect(failures.join("\n")).toMatch(/does not keep to the protocol|Diverged|reached its handler 2 times/);
});
