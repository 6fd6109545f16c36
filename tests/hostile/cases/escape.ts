import type { HostileCase } from "../case.ts";

/** Ways out, and what one run could leave to another. */
export const escape: Readonly<Record<string, HostileCase>> = {
  "esc-constructor": {
    code: 'return (()=>{}).constructor("return typeof process + typeof require + typeof this.ivm")()',
    ends: ["ok", "RuntimeError"],
    value: "undefinedundefinedundefined",
    why: "the classic constructor chain ends in the bare isolate",
  },
  "esc-tools-proto": {
    code: "let o=tools,s=[]; while(o){ s.push(Object.getOwnPropertyNames(o).length); o=Object.getPrototypeOf(o) } return s.length",
    ends: ["ok"],
    value: 1,
    why: "tools has no prototype",
  },
  "esc-error-ctor": {
    code: 'try { await tools.fail() } catch (e) { return e.constructor.constructor("return typeof process")() + (e instanceof Error) }',
    ends: ["ok", "RuntimeError"],
    value: "undefinedtrue",
    why: "errors of tools are created inside the isolate",
  },
  "esc-result-proto": {
    code: "const r = await tools.echo({a:1}); return r.constructor === Object && Object.getPrototypeOf(r) === Object.prototype",
    ends: ["ok"],
    value: true,
    why: "tool results belong to the isolate realm",
  },
  "esc-globals": {
    code: "return Object.getOwnPropertyNames(globalThis).filter(k => !/^[A-Z]|^(globalThis|undefined|NaN|parse|is|decode|encode|escape|unescape|eval|console)/.test(k))",
    ends: ["ok"],
    value: [],
    why: "no global that nobody meant",
  },
  "esc-caller": {
    code: 'function f(){ return f.caller } try { return String(f()) } catch (e) { return "TypeError" }',
    ends: ["ok"],
    value: "TypeError",
    why: "strict: TypeError",
  },
  "esc-sloppy-caller": {
    code: 'const f=new Function("return String(arguments.callee.caller)"); return f()',
    ends: ["ok", "RuntimeError"],
    value: "null",
    why: "sloppy function called from strict code: null",
  },
  "esc-symbol-for": { code: "return Object.getOwnPropertySymbols(globalThis).map(String)", ends: ["ok"], value: [] },
  "esc-cross-run-state": {
    code: 'const old = globalThis.__left || Object.prototype.__left || Symbol.for("left").x; globalThis.__left = 1; Object.prototype.__left = 2; Array.prototype.push = null; return old === undefined',
    ends: ["ok"],
    value: true,
    times: 2,
    why: "twice: true both times",
  },
  "esc-date-timer": {
    code: "const s=new Set(); const t=Date.now(); while(Date.now()-t<20) s.add(Date.now()); return s.size <= 21",
    ends: ["ok"],
    value: true,
    why: "a clock without a fraction of a millisecond, and no counter in shared memory",
  },
  "esc-performance": { code: "return typeof performance", ends: ["ok"], value: "undefined", why: "no fine clock" },
  "esc-hostsend": {
    code: "return typeof hostSend + typeof $0 + typeof $1 + typeof send + typeof __send",
    ends: ["ok"],
    value: "undefinedundefinedundefinedundefinedundefined",
    why: "the raw host function is not reachable",
  },
  "esc-env": {
    code: "try { return JSON.stringify(process.env) } catch (e) { return e.name }",
    ends: ["ok"],
    value: "ReferenceError",
  },
  "esc-shadowrealm": { code: "return typeof ShadowRealm", ends: ["ok"], value: "undefined" },
  "esc-debugger": { code: "debugger; return 1", ends: ["ok"], value: 1, why: "inspector off" },
  "esc-gc": {
    code: "return typeof gc + typeof print + typeof load + typeof read + typeof quit + typeof d8",
    ends: ["ok"],
    value: "undefinedundefinedundefinedundefinedundefinedundefined",
    why: "no shell helpers",
  },
  "esc-pollute-all": {
    code: "for (const o of [Object,Array,Function,String,Number,Promise,Map,Error,RegExp,Date]) { o.prototype.polluted = 1; o.polluted = 1 } return 1",
    ends: ["ok"],
    value: 1,
    why: "host, worker and the next run see nothing of it",
  },
};
