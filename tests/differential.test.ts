import { inspect } from "node:util";
import { runInNewContext } from "node:vm";
import { decode, encode } from "@codemode/proto/values";
import { afterAll, beforeAll, expect, test } from "vitest";
import { programs } from "./programs.ts";
import { difference, withoutStacks } from "./same-value.ts";
import { budgets, WorkerPeer } from "./worker-peer.ts";

// What a program does in the sandbox is what it does in Node. By design a program sees in the sandbox: a clock that stands still until it awaits an answer, random numbers of the
// run's seed, timers in the order of their calls' answers, no WebAssembly, SharedArrayBuffer, Atomics, WeakRef,
// FinalizationRegistry, Float16Array, and buffers that cannot be resized or transferred.

const AsyncFunction = (async () => undefined).constructor as new (code: string) => () => Promise<unknown>;

/** What came of a program: its value as it crosses, or what it threw. */
async function inNode(code: string): Promise<{ value?: unknown; error?: { name: string; message: string } }> {
  let value: unknown;
  try {
    value = await new AsyncFunction(`"use strict";${code}`)();
  } catch (error) {
    return {
      error: Error.isError(error)
        ? { name: error.name, message: error.message }
        : { name: "", message: inspect(error) },
    };
  }
  return { value: decode(encode(value)) };
}

let worker: WorkerPeer;
beforeAll(() => {
  process.env["TZ"] = "UTC";
  worker = new WorkerPeer();
});
afterAll(async () => {
  await worker[Symbol.asyncDispose]();
});

test("there are many programs, and no two are the same", () => {
  expect(programs.length).toBeGreaterThan(300);
  expect(new Set(programs.map(({ code }) => code)).size).toBe(programs.length);
});

/** Each property that can be reached from the language's own globals, with its kind. */
const INTRINSICS = `const seen = new Set(), out = [];
  const walk = (o, path) => {
    if ((typeof o !== "object" && typeof o !== "function") || o === null || seen.has(o)) return;
    seen.add(o);
    for (const key of Reflect.ownKeys(o)) {
      const d = Reflect.getOwnPropertyDescriptor(o, key), at = path + "." + String(key);
      const isText = typeof d.value === "string" || typeof d.value === "number";
      out.push([at, typeof d.value, isText ? d.value : "", !!d.get, !!d.set, d.writable, d.enumerable, d.configurable].join(" "));
      walk(d.value, at); walk(d.get, at + ".get"); walk(d.set, at + ".set");
    }
    walk(Object.getPrototypeOf(o), path + ".__proto__");
  };
  for (const name of names) if (name in globalThis) walk(globalThis[name], name);
  const iterators = [[].values(), new Map().values(), new Set().values(), ""[Symbol.iterator](), "".matchAll(/x/g), [].values().map(Number)];
  for (const o of [(function* () {})(), (async function* () {})(), async () => {}, ...iterators]) walk(o, "");
  return out`;

test("the language's own objects are Node's, but for what is taken away", async () => {
  const global = runInNewContext("Object.getOwnPropertyNames(globalThis)") as string[];
  const names = global.filter((name) => /^[A-Z]|^(is|parse|escape|unescape|eval|decode|encode)/.test(name));
  const code = `const names = ${JSON.stringify(names)}; ${INTRINSICS}`;
  const here = new Set(runInNewContext(`"use strict"; (() => { ${code} })()`) as string[]);
  const { value } = await worker.run(code, {}, { budgets: { ...budgets, resultBytes: 2n ** 24n } });
  const there = new Set(value as string[]);
  const gone =
    /^(WebAssembly|SharedArrayBuffer|Atomics|WeakRef|FinalizationRegistry|Float16Array)\b|Float16|f16round|\.(resize|transfer|transferToFixedLength)[. ]/;
  expect([...here].filter((line) => !there.has(line) && !gone.test(line))).toEqual([
    "Intl.DateTimeFormat.prototype.format.get.name string get format false false false false true",
  ]);
  expect([...there].filter((line) => !here.has(line))).toEqual([
    "Intl.DateTimeFormat.prototype.format.get.name string get false false false false true",
  ]);
});

test.for(programs)("$name", async ({ code }) => {
  const here = await inNode(code);
  const { value, error } = await worker.run(code);
  if (here.error) expect(error).toMatchObject(here.error);
  else expect(error).toBeUndefined();
  expect(difference(withoutStacks(here.value), withoutStacks(value))).toBeUndefined();
});
