import { expect, test, vi } from "vitest";
import { Run, type RunRequest } from "../client/src/index.ts";
import type { Journal } from "../client/src/run/journal.ts";
import { toStart, unrecorded } from "../client/src/run/index.ts";
import { Journal as Kept } from "../executor/src/session/journal.ts";
import { chaos, crowd, type Report } from "./chaos/chaos.ts";

// Random programs while everything dies that can die. `npm run chaos` is the long form.

const seed = Number(process.env["CHAOS_SEED"] ?? 1);
const programs = Number(process.env["CHAOS_PROGRAMS"] ?? 40);
const timeout = 60_000 + 5_000 * programs; // a quarter of a second each where nothing else runs

/** A failure begins with the variables that make it again. */
function expectNone({ failures, tally }: Report): void {
  if (programs > 1_000 || process.env["CHAOS_SEED"]) console.info({ ...tally, failures: failures.length });
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
  if (programs > 20) expect(report.tally["nested"]).toBeGreaterThan(0);
});

/** A run that begins anew at its second attempt, as if nothing had been done, and goes by the book from then on. */
function forgetful(request: RunRequest, journal: Journal): Run {
  let run = new Run(request, undefined, journal);
  const own = new Map<PropertyKey, unknown>();
  const forget = () => {
    const { attempts, interruptions } = run;
    run.release(new Error("forgotten"));
    run = new Run(request, { ...unrecorded(toStart(request)), attempts });
    run.interruptions.push(...interruptions);
  };
  return new Proxy(run, {
    get(_, key) {
      if (own.has(key)) return own.get(key);
      const value: unknown = Reflect.get(run, key, run);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (key === "attempt" && run.attempts === 1) forget();
        return Reflect.apply(Reflect.get(run, key, run) as typeof value, run, args);
      };
    },
    set: (_, key, value) => (own.set(key, value), true),
  });
}

test("where an attempt is told nothing of those before, calls are made twice", { timeout }, async () => {
  const { failures } = await chaos({ seed, programs: 12, width: 8 }, forgetful);
  const text = failures.join("\n");
  expect(text).toMatch(/reached its handler 2 times/);
  expect(text).not.toMatch(/does not keep to the protocol/);
});

test("where an executor runs programs again without the answers that they had, they diverge", { timeout }, async () => {
  const recall = Reflect.get(Kept.prototype, "recallAnswers");
  using _ = vi.spyOn(Kept.prototype, "recallAnswers").mockImplementation(function (this: Kept) {
    recall.call(this, [], 0);
  });
  const { failures } = await crowd({ seed, programs: 12, width: 8 });
  const text = failures.join("\n");
  expect(text).toMatch(/error is {"type":"Diverged"/); // in the crowd, and not where that is judged alone
  expect(text).not.toMatch(/does not keep to the protocol/);
});
