import type { HostileCase } from "../case.ts";

const STUCK: HostileCase["ends"] = ["CpuLimit", "Timeout", "MemoryLimit"]; // neither a time-out nor disposal ends these, only SIGKILL

/** Time without end, in every position and where V8 itself loops. */
export const loops: Readonly<Record<string, HostileCase>> = {
  "cpu-for": { code: "for(;;);", ends: ["CpuLimit"] },
  "cpu-finally": {
    code: 'try { for(;;); } finally { return "alive" }',
    ends: ["CpuLimit"],
    why: "finally must not run after termination",
  },
  "cpu-after-await": {
    code: "await tools.echo(1); for(;;);",
    ends: ["CpuLimit"],
    why: "every re-entry needs a limit, not only the first run",
  },
  "cpu-in-then": {
    code: "tools.echo(1).then(()=>{for(;;);}); await tools.hang()",
    ends: ["CpuLimit"],
    why: "a callback that no one awaits",
  },
  "cpu-microtask": { code: "await Promise.resolve(); for(;;);", ends: ["CpuLimit"] },
  "cpu-await-loop": { code: "for(;;) await null", ends: ["CpuLimit"] },
  "cpu-async-generator": {
    code: "async function* g(){ for(;;) yield 1 } for await (const x of g());",
    ends: ["CpuLimit"],
  },
  "cpu-regex-replace": { code: 'return "x".repeat(50000).replace(/(x+x+)+y/g, "")', ends: ["CpuLimit"] },
  "cpu-getter-throw": {
    code: "throw { get message(){ for(;;); } }",
    ends: ["CpuLimit"],
    why: "isolated-vm would call this getter outside its time-out",
  },
  "cpu-stack-getter": {
    code: 'const e = new Error("x"); Object.defineProperty(e,"stack",{get(){for(;;);}}); throw e',
    ends: ["CpuLimit", "RuntimeError"],
    why: "isolated-vm would call this getter outside its time-out",
  },
  "cpu-prepareStackTrace": {
    code: 'Error.prepareStackTrace = () => { for(;;); }; throw new Error("x")',
    ends: ["CpuLimit"],
    why: "isolated-vm would call it outside its time-out",
  },
  "cpu-toJSON": { code: "return { toJSON(){ for(;;); } }", ends: ["CpuLimit"], why: "result encoding runs user code" },
  "cpu-result-getter": { code: "return { get a(){ for(;;); } }", ends: ["CpuLimit"] },
  "cpu-thenable-result": {
    code: "return { then(r){ for(;;); } }",
    ends: ["CpuLimit"],
    why: "returning a thenable from an async function calls then",
  },
  "cpu-arg-toJSON": { code: "await tools.echo({ toJSON(){ for(;;); } })", ends: ["CpuLimit"] },
  "cpu-sort-comparator": { code: "[3,2,1].sort(() => { for(;;); })", ends: ["CpuLimit"] },
  "cpu-array-iterator": {
    code: "Array.prototype[Symbol.iterator] = function*(){ for(;;) yield 1 }; const [a] = [1]; return [...[1]]",
    ends: ["MemoryLimit", "CpuLimit", "RuntimeError"],
    why: "endless spread",
  },
  "cpu-bigint-pow": {
    code: "return (3n**20000000n).toString().length",
    ends: ["CpuLimit", "Timeout"],
    why: "V8 cannot be interrupted in it: a late result is no result",
  },
  "cpu-typed-sort": {
    code: "const u=new Float64Array(2e6); for(;;){ for(let i=0;i<u.length;i+=999) u[i]=Math.random(); u.sort() }",
    ends: ["CpuLimit", "MemoryLimit", "Timeout"],
    why: "long native slices",
  },
  "cpu-optimizer": {
    code: 'let s="";for(let i=0;i<60000;i++)s+="x=x*3+"+i+"|0;";const f=new Function("x",s+"return x");let r=0;for(;;)r=f(r)',
    ends: ["CpuLimit", "MemoryLimit", "Timeout", "RuntimeError"],
    why: "compiler threads use CPU outside the isolate's own: that of the process counts",
  },
  "nat-indexof": { code: "return Array.prototype.indexOf.call({length: 2**53-1}, 1)", ends: STUCK },
  "nat-join": { code: "return Array.prototype.join.call({length: 2**32-1})", ends: STUCK },
  "nat-reverse": { code: "return Array.prototype.reverse.call({length: 2**53-1})", ends: STUCK },
  "nat-sparse-indexof": { code: "const a=[]; a.length=4294967295; return a.indexOf(1)", ends: STUCK },
  "nat-fill": {
    code: "return new Array(2**27).fill(0).length",
    ends: STUCK,
    why: "grows the heap to 2.2 GB whatever its limit",
  },
  "nat-copywithin": { code: "return Array.prototype.copyWithin.call({length: 2**53-1}, 1, 0)", ends: STUCK },
  "nat-splice": { code: "return Array.prototype.splice.call({length: 2**53-1}, 0, 1)", ends: STUCK },
  "nat-shift": { code: "return Array.prototype.shift.call({length: 2**53-1})", ends: STUCK },
  "nat-stringify-sparse": {
    code: "return JSON.stringify({a:new Array(4294967295)})",
    ends: ["RuntimeError", "Timeout", "MemoryLimit", "Unserializable"],
    why: "JSON of a sparse array of 2^32-1 holes",
  },
  "nat-arg-sparse": {
    code: "return await tools.echo(new Array(4294967295))",
    ends: ["RuntimeError", "Timeout", "MemoryLimit", "Unserializable"],
    why: "a structured clone would hand the host an array of that length",
  },
  "nat-string-indexof": {
    code: 'const h="a".repeat(4e8), n="a".repeat(2e8)+"b"; return h.indexOf(n)',
    ends: ["MemoryLimit", "Timeout", "ok"],
    why: "long native search",
  },
  "nat-regex-class-literal": {
    code: "return /[" + "\\p{L}".repeat(20000) + ']/u.test("b")',
    ends: STUCK,
    why: "seconds of parsing, which no time-out of isolated-vm covers",
  },
};
