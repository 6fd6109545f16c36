import { expect, test } from "vitest";
import { type JournalDocument, Outcome } from "../client/src/index.ts";
import { changed, GONE, type Path, recorded } from "./recorded-run.ts";

// Journal documents that somebody has changed, in a thousand ways.

/** The places of `node` and of all that is in it. */
function placesIn(node: unknown, path: Path = []): Path[] {
  const children = typeof node === "object" && node !== null ? Object.entries(node) : [];
  return [
    path,
    ...children.flatMap(([key, child]) => placesIn(child, [...path, Array.isArray(node) ? Number(key) : key])),
  ];
}

const ABSURD = [
  GONE,
  null,
  true,
  false,
  0,
  1,
  2,
  -1,
  0.5,
  1e9,
  "",
  "x",
  "pending",
  "succeeded",
  "failed",
  "timer",
  [],
  {},
];
const flip = (text: string, at: number) => text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);

/** All that this test puts in the place of a value. */
function* changesOf(value: unknown): Generator<(before: unknown) => unknown> {
  for (const absurd of ABSURD) yield () => absurd;
  if (Array.isArray(value) && value.length > 1) yield () => value.toReversed();
  if (Array.isArray(value) && value.length > 0) yield () => [...value, value[0]];
  if (typeof value === "number") for (const by of [1, -1]) yield () => value + by;
  if (typeof value !== "string") return;
  if (!Number.isNaN(Date.parse(value))) {
    for (const ms of [-60_000, 60_000]) yield () => new Date(Date.parse(value) + ms).toISOString();
  } else if (value !== "") {
    for (let at = 0; at < value.length; at += 32) yield () => flip(value, at);
    yield () => flip(value, value.length - 1);
  }
}

const CLEAN = new Set(["ok", "Diverged", "UnknownTool", "RuntimeError"]); // what its program does with other answers or tools

test("a document with anything changed in it ends as an outcome, or is refused with the place", async () => {
  await using it = await recorded();
  const ended: { readonly type: string }[] = [];
  const refused: unknown[] = [];
  for (const path of placesIn(it.document)) {
    const before = path.reduce<unknown>((node, key) => (node as Record<string | number, unknown>)[key], it.document);
    for (const change of changesOf(before)) {
      if (path[0] === "code" && typeof change(before) === "string") continue; // another program: the tests above
      const document = changed(it.document, path, change) as JournalDocument;
      const end = await it.codemode.replay(document).catch((error: unknown) => error);
      const at = { path: path.join("."), to: change(before) };
      if (end instanceof Outcome) ended.push({ ...at, type: end.error?.type ?? "ok" });
      else refused.push({ ...at, end });
    }
  }
  expect(ended.filter(({ type }) => !CLEAN.has(type))).toEqual([]);
  const invalid = {
    end: { code: "INVALID_ARGUMENT", message: expect.stringMatching(/→ at |refused start\.|no journal/) },
  };
  expect(refused).toMatchObject(refused.map(() => invalid));
  expect(refused.length).toBeGreaterThan(500);
  expect(it.calls).toEqual([]);
}, 120_000);
