import type { HostileCase } from "../case.ts";

const FULL: HostileCase["ends"] = ["MemoryLimit", "RuntimeError", "CpuLimit", "Timeout"];

/** Memory without end, counted by V8 or not. They may use more CPU time than the others: some take long to fill. */
export const memory: Readonly<Record<string, HostileCase>> = {
  "mem-objects": { code: "const a=[];for(;;)a.push({a:1,b:[1,2,3]})", ends: FULL },
  "mem-map": {
    code: "const m=new Map();for(let i=0;;i++)m.set(i,i)",
    ends: FULL,
    why: "V8 ends the process at 28 MB of 64: a Map that cannot grow is fatal",
  },
  "mem-set": { code: 'const m=new Set();for(let i=0;;i++)m.add("k"+i)', ends: FULL, why: "as a Map" },
  "mem-symbol-for": { code: 'for(let i=0;;i++)Symbol.for("k"+i)', ends: FULL, why: "global registry" },
  "mem-closures": { code: "let f=()=>0;for(;;){const g=f;f=()=>g()}", ends: FULL },
  "mem-typed": {
    code: "const a=[];for(;;)a.push(new Uint8Array(1<<20).fill(1))",
    ends: ["RuntimeError", "MemoryLimit", "CpuLimit", "Timeout"],
    why: "RangeError inside the code is the normal case",
  },
  "mem-typed-catch": {
    code: "const a=[];for(;;){try{a.push(new Uint8Array(1<<20).fill(1))}catch{}}",
    ends: ["CpuLimit", "MemoryLimit", "RuntimeError", "Timeout"],
    why: "catches the RangeError and retries for ever",
  },
  "mem-tiny-typed": { code: "const a=[];for(;;)a.push(new Uint8Array(64).buffer)", ends: FULL },
  "mem-resizable": {
    code: "const b=new ArrayBuffer(1,{maxByteLength:2**31});b.resize(2**31);const u=new Uint8Array(b);for(let i=0;i<u.length;i+=4096)u[i]=1;return u.length",
    ends: ["RuntimeError", "MemoryLimit", "CpuLimit", "Timeout"],
    why: "the heap limit does not count it",
  },
  "mem-resizable-subclass": {
    code: "class X extends ArrayBuffer{};const b=new X(1e9,{maxByteLength:2e9});const u=new Uint8Array(b);for(let i=0;i<u.length;i+=4096)u[i]=1;return u.length",
    ends: ["RuntimeError", "MemoryLimit", "CpuLimit", "Timeout"],
    why: "around a replaced constructor",
  },
  "mem-resizable-proto": {
    code: "const A=Object.getPrototypeOf(new Uint8Array(1).buffer).constructor;const b=Reflect.construct(A,[1e9,{maxByteLength:2e9}]);const u=new Uint8Array(b);for(let i=0;i<u.length;i+=4096)u[i]=1;return u.length",
    ends: ["RuntimeError", "MemoryLimit", "CpuLimit", "Timeout"],
    why: "around a replaced constructor",
  },
  "mem-wasm": {
    code: "const m=new WebAssembly.Memory({initial:32768});const u=new Uint8Array(m.buffer);for(let i=0;i<u.length;i+=4096)u[i]=1;return u.length",
    ends: ["RuntimeError", "MemoryLimit", "CpuLimit", "Timeout"],
    why: "the heap limit does not count it",
  },
  "mem-intl": {
    code: 'const a=[];for(;;)a.push(new Intl.DateTimeFormat("en"))',
    ends: FULL,
    why: "ICU's memory, which the heap limit does not count",
  },
  "mem-intl-collator": {
    code: 'const a=[];for(;;)a.push(new Intl.Collator("de-u-co-phonebk"))',
    ends: FULL,
    why: "ICU's memory, which the heap limit does not count",
  },
  "mem-string-flat": {
    code: 'const a=[];for(let i=0;;i++){const s=("x"+i).repeat(1<<22);s.charCodeAt(s.length-1);/z/.test(s);a.push(s)}',
    ends: FULL,
  },
  "mem-string-padstart": { code: 'const a=[];for(;;)a.push("a".padStart(5e8))', ends: FULL },
  "mem-split-fatal": {
    code: 'return "x".repeat(2**28+1).split("").length',
    ends: FULL,
    why: "a fatal error of V8, whatever the limits",
  },
  "mem-spread": { code: "return Math.max(...new Array(5e7).fill(1))", ends: FULL, why: "720 MB" },
  "mem-array-from": {
    code: "return Array.from({length:2**32-1},(_,i)=>i).length",
    ends: FULL,
    why: "catastrophic OOM",
  },
  "mem-bigint": { code: "const a=[];for(;;)a.push(1n<<20000000n)", ends: FULL },
  "mem-json-parse": { code: 'return JSON.parse("["+"[1],".repeat(2e7)+"1]").length', ends: FULL },
  "mem-promise-flood": { code: "const a=[];for(;;)a.push(Promise.resolve().then(()=>{}))", ends: FULL },
  "mem-generator-flood": {
    code: "const a=[];for(;;){const g=(function*(){yield 1})();g.next();a.push(g)}",
    ends: FULL,
  },
  "mem-finreg-flood": {
    code: "const r=new FinalizationRegistry(()=>{});for(;;)r.register({},{})",
    ends: ["RuntimeError", "MemoryLimit", "CpuLimit", "Timeout"],
  },
  "mem-regexp-flood": {
    code: 'const a=[];for(let i=0;;i++){const r=new RegExp("(?:a?){1,50}x"+i);r.test("aaaa");a.push(r)}',
    ends: FULL,
    why: "compiled code memory",
  },
  "mem-normalize": { code: 'const a=[];for(;;)a.push("\\uFDFA".repeat(1e6).normalize("NFKD"))', ends: FULL },
  "mem-locale-upper": { code: 'return "\\u0130".repeat(1e8).toLocaleLowerCase().length', ends: FULL, why: "813 MB" },
  "mem-sort-grow": {
    code: 'const a=Array.from({length:3e6},(_,i)=>i);a.sort(()=>{a.push(1);return 1});return "done"',
    ends: ["ok", "RuntimeError", "CpuLimit"],
    why: "mutation during sort",
  },
  "mem-tool-hoard": {
    code: "const a=[];for(let i=0;i<90;i++)a.push(await tools.big({n:1e6}));return a.length",
    ends: ["MemoryLimit", "ok", "RuntimeError"],
    why: "tool results kept alive: 90 MB of Latin-1 text",
  },
  "mem-recursion-caught": {
    code: "let n=0;try{(function f(){n++;f()})()}catch(e){return e instanceof RangeError && n>1000}",
    ends: ["ok"],
    value: true,
    why: "stack overflow stays inside the isolate",
  },
  "mem-recursion-tool": {
    code: 'let r;(function f(){ try{ f() }catch(e){ if(!r) try{ r=tools.echo(1) }catch(x){ } } })(); return await (r || tools.echo(2)).catch(()=>"rejected")',
    ends: ["ok", "RuntimeError"],
    why: "a call made with an exhausted stack",
  },
  "mem-stringify-deep": {
    code: "let o={};for(let i=0;i<1e5;i++)o={o};return o",
    ends: ["Unserializable", "RuntimeError", "CpuLimit"],
    why: "100,000 levels: the encoder must not take seconds to say no",
  },
  "mem-shape-blocking": {
    code: "return typeof WebAssembly + typeof SharedArrayBuffer + typeof Atomics + typeof FinalizationRegistry + typeof WeakRef",
    ends: ["ok"],
    value: "undefinedundefinedundefinedundefinedundefined",
    why: "each gets around a limit",
  },
};
