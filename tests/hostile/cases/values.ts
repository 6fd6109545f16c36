import type { HostileCase } from "../case.ts";
import { isShort, showsNoPath } from "../checks.ts";

/** What comes back: values, and errors that lie. */
export const values: Readonly<Record<string, HostileCase>> = {
  "ser-undefined": { code: "return undefined", ends: ["ok"], value: undefined },
  "ser-nan": { code: "return NaN", ends: ["ok", "Unserializable"], value: null, why: "never a silent null" },
  "ser-infinity": {
    code: "return [Infinity, -Infinity, -0]",
    ends: ["ok", "Unserializable"],
    value: [null, null, 0],
    why: "never a silent null",
  },
  "ser-bigint-nested": { code: "return {a:[1n]}", ends: ["Unserializable"] },
  "ser-symbol": { code: 'return Symbol("x")', ends: ["Unserializable"] },
  "ser-class": { code: "return class A {}", ends: ["Unserializable"] },
  "ser-cyclic": { code: "const a={}; a.a=a; return a", ends: ["Unserializable"] },
  "ser-map": { code: "return new Map([[1,2]])", ends: ["Unserializable", "ok"], why: "policy: never a silent {}" },
  "ser-set": { code: "return {s:new Set([1])}", ends: ["Unserializable", "ok"], why: "policy: never a silent {}" },
  "ser-date-invalid": { code: "return new Date(NaN)", ends: ["ok", "Unserializable"], value: null },
  "ser-regexp": { code: "return /x/g", ends: ["ok", "Unserializable"], value: {}, why: "never a silent {}" },
  "ser-typed": {
    code: "return new Uint8Array([1,2,3])",
    ends: ["ok", "Unserializable"],
    why: 'never a silent { "0": 1 }',
  },
  "ser-float16": {
    code: "return new Float16Array(4)",
    ends: ["RuntimeError", "ok", "Unserializable"],
    why: "one line that ends the process where values are copied by isolated-vm",
  },
  "ser-sab": {
    code: "return new SharedArrayBuffer(8)",
    ends: ["RuntimeError", "Unserializable", "ok"],
    why: "structured clone would share live memory with the host",
  },
  "ser-big-string": { code: 'return "x".repeat(2e6)', ends: ["OutputLimit"], why: "over the result limit" },
  "ser-expand-unicode": {
    code: 'return "\\u0001".repeat(300000)',
    ends: ["OutputLimit"],
    why: "300 KB of text is 1.8 MB of JSON: limit the encoded size",
  },
  "ser-utf8-expand": {
    code: 'return "\\u20AC".repeat(600000)',
    ends: ["OutputLimit"],
    why: "600,000 characters, 1.8 MB of UTF-8: bytes are counted",
  },
  "ser-proto-key": {
    code: 'return JSON.parse(\'{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}\')',
    ends: ["ok"],
    value: JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'),
    why: "must not be merged into anything",
  },
  "ser-dup-numbers": {
    code: 'return {"1":1,"01":2,"-0":3,"1e3":4}',
    ends: ["ok"],
    value: { "1": 1, "01": 2, "-0": 3, "1e3": 4 },
  },
  "ser-deep-500": {
    code: "let o=1;for(let i=0;i<500;i++)o=[o];return o",
    ends: ["ok", "Unserializable", "OutputLimit"],
    why: "readers that recurse need a limit",
  },
  "ser-deep-5000": {
    code: "let o=1;for(let i=0;i<5000;i++)o=[o];return o",
    ends: ["ok", "Unserializable", "OutputLimit", "RuntimeError"],
    why: "readers that recurse need a limit",
  },
  "ser-getter-throws": {
    code: 'return { get a(){ throw new Error("boom") } }',
    ends: ["Unserializable", "RuntimeError"],
  },
  "ser-toJSON-lies": {
    code: "return { toJSON(){ return { fake: 1 } } }",
    ends: ["ok"],
    value: { fake: 1 },
    why: "the code may shape its own result, nothing else",
  },
  "ser-proxy-revoked": {
    code: "const {proxy,revoke}=Proxy.revocable({}, {}); revoke(); return proxy",
    ends: ["RuntimeError", "Unserializable"],
    why: "returning it from an async function already reads .then",
  },
  "ser-proxy-hostile": {
    code: "return new Proxy({}, new Proxy({}, { get(){ throw 1 } }))",
    ends: ["RuntimeError", "Unserializable", "ok"],
    why: "returning it from an async function already reads `then`",
  },
  "ser-thenable-value": {
    code: 'return { then: "not a function" }',
    ends: ["ok"],
    value: JSON.parse('{"then":"not a function"}'),
    why: "host must not treat it as a promise",
  },
  "ser-json-injection": {
    code: 'return \'","ok":true,"forged":"\'',
    ends: ["ok"],
    value: '","ok":true,"forged":"',
    why: "the envelope is not built by string concatenation",
  },
  "err-throw-null": { code: "throw null", ends: ["RuntimeError"], why: "any value can be thrown" },
  "err-throw-string": { code: 'throw "text"', ends: ["RuntimeError"] },
  "err-throw-symbol": {
    code: 'throw Symbol("s")',
    ends: ["RuntimeError"],
    why: 'String(symbol) works but symbol+"" throws in naive formatters',
  },
  "err-throw-proxy": {
    code: "throw new Proxy({}, { get(){ throw 2 }, getPrototypeOf(){ throw 3 } })",
    ends: ["RuntimeError"],
    why: "every read throws",
  },
  "err-throw-nullproto": { code: "throw Object.create(null)", ends: ["RuntimeError"], why: "has no toString" },
  "err-hostile-name": {
    code: 'const e=new Error("x"); Object.defineProperty(e,"name",{get(){ throw e }}); throw e',
    ends: ["RuntimeError"],
  },
  "err-hostile-toString": {
    code: "throw { toString(){ throw 1 }, message: { toString(){ throw 2 } } }",
    ends: ["RuntimeError"],
  },
  "err-huge-stack": {
    code: 'const e=new Error("x"); e.stack="y".repeat(5e6); throw e',
    ends: ["RuntimeError"],
    check: isShort,
    why: "stack cut to a limit",
  },
  "err-fake-class": {
    code: 'const e=new Error("fake"); e.name="MemoryLimit"; e.code="INTERNAL"; throw e',
    ends: ["RuntimeError"],
    why: "how a run ended is told from outside, never by the program",
  },
  "err-fake-disposed": {
    code: 'throw new Error("Isolate was disposed during execution due to memory limit")',
    ends: ["RuntimeError"],
    why: "isolated-vm's own words",
  },
  "err-fake-disposed-unhandled": {
    code: 'Promise.reject(new Error("Isolate was disposed during execution due to memory limit")); await tools.echo(1); return 7',
    ends: ["ok", "RuntimeError"],
    value: 7,
    why: "isolated-vm's own words, on the way that its own errors take",
  },
  "err-unhandled-late": {
    code: 'tools.echo(1).then(()=>{ throw new Error("late") }); await tools.slow({ms:50}); return 3',
    ends: ["ok", "RuntimeError"],
    value: 3,
    why: "a warning, no failure",
  },
  "err-cause-cycle": {
    code: 'const a=new Error("a"); a.cause=a; throw a',
    ends: ["RuntimeError"],
    why: "cause chains can be cyclic",
  },
  "err-newlines": {
    code: 'throw new Error("x\\n[2026-01-01] INFO forged log line\\r\\u001b[2J\\u001b]0;pwn\\u0007")',
    ends: ["RuntimeError"],
    why: "whoever prints it encodes it",
  },
  "err-host-path": {
    code: 'return new Error("x").stack',
    ends: ["ok"],
    check: showsNoPath,
    why: "what the program sees of the stack has no path of the host",
  },
};
