import type { HostileCase } from "../case.ts";
import { logsAreBounded } from "../checks.ts";

/** Nobody answers: what the run waits for is all that ends it. */
const HANGS = { maxWaitMs: 1_000 };

/** Waits without end, floods of output and of calls, and what goes on after the end. */
export const calls: Readonly<Record<string, HostileCase>> = {
  "dead-never": {
    code: "await new Promise(()=>{})",
    ends: ["Deadlock"],
    why: "nothing in flight can settle it: say so at once instead of waiting for the wall clock",
  },
  "dead-after-tool": {
    code: "await tools.echo(1); await new Promise(()=>{})",
    ends: ["Deadlock"],
    why: "detected after the last tool answer",
  },
  "dead-thenable": { code: "return { then(){} }", ends: ["Deadlock"], why: "a thenable that never calls back" },
  "dead-swallowed-tool": {
    code: "tools.hang(); await new Promise(()=>{})",
    budgets: HANGS,
    ends: ["Timeout", "Deadlock"],
    why: "the call could still be answered",
  },
  "dead-hang-tool": { code: "await tools.hang()", budgets: HANGS, ends: ["Timeout"], why: "the client never answers" },
  "dead-waitasync": {
    code: "const r=Atomics.waitAsync(new Int32Array(new SharedArrayBuffer(4)),0,0,100); await r.value",
    ends: ["RuntimeError", "Deadlock"],
    why: "its task would never run in an isolate",
  },
  "dead-atomics-wait": {
    code: "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)),0,0)",
    ends: ["RuntimeError", "Timeout"],
    why: "would block the thread without using CPU",
  },
  "dead-wasm-async": {
    code: "await WebAssembly.compile(new Uint8Array([0,97,115,109,1,0,0,0])); return 1",
    ends: ["RuntimeError", "Deadlock"],
    why: "would never settle in an isolate",
  },
  "log-flood": {
    code: 'for(let i=0;i<1e6;i++) console.log("line "+i); return "end"',
    ends: ["ok", "OutputLimit", "CpuLimit"],
    check: logsAreBounded,
    value: "end",
    why: "cut at the budget, with a count of what is missing",
  },
  "log-one-huge": {
    code: 'console.log("x".repeat(5e6)); return 1',
    ends: ["ok", "OutputLimit"],
    check: logsAreBounded,
    value: 1,
  },
  "log-many-args": {
    code: 'console.log(...new Array(50000).fill("x".repeat(100))); return 1',
    ends: ["ok", "OutputLimit"],
    check: logsAreBounded,
    value: 1,
  },
  "log-control": {
    code: 'console.log("\\u001b[2J\\u001b]0;pwn\\u0007\\r\\nFAKE 200 OK\\u0000"); return 1',
    ends: ["ok"],
    value: 1,
    why: "whoever prints it encodes it",
  },
  "log-surrogate": {
    code: 'console.log("\\uD800\\uDC00\\uD800"); return 1',
    ends: ["ok"],
    value: 1,
    why: "lone surrogates are no UTF-8",
  },
  "tool-unknown": { code: "return await tools.nope()", ends: ["RuntimeError"] },
  "tool-then": {
    code: "return typeof tools.then",
    ends: ["ok"],
    value: "undefined",
    why: "`await tools` must not call a tool named then",
  },
  "tool-await-tools": { code: "const t = await tools; return await t.echo(1)", ends: ["ok"], value: 1 },
  "tool-flood-await": { code: "for(;;) await tools.echo(1)", ends: ["CallLimit"] },
  "tool-flood-caught": {
    code: 'for(let i=0;i<200;i++) { try { await tools.echo(1) } catch {} } return "survived"',
    ends: ["CallLimit"],
    why: "the limit is fatal, not an exception the code can catch",
  },
  "tool-big-arg": {
    code: 'return await tools.echo("x".repeat(3e5))',
    ends: ["RuntimeError", "OutputLimit", "CallLimit"],
    why: "nothing is sent",
  },
  "tool-big-arg-caught": {
    code: 'try { await tools.echo("x".repeat(3e5)) } catch (e) { return "caught" }',
    ends: ["ok", "OutputLimit"],
    value: "caught",
  },
  "tool-many-big-args": {
    code: 'const s="x".repeat(2.5e5); for(let i=0;i<99;i++) tools.echo(s); await tools.hang()',
    budgets: HANGS,
    ends: ["Timeout", "OutputLimit", "CallLimit", "MemoryLimit", "CpuLimit"],
    why: "25 MB in flight",
  },
  "tool-cyclic-arg": { code: "const a={};a.a=a; return await tools.echo(a)", ends: ["RuntimeError", "Unserializable"] },
  "tool-function-arg": { code: "return await tools.echo(()=>1)", ends: ["RuntimeError", "Unserializable"] },
  "tool-two-args": {
    code: "return await tools.echo(1,2)",
    ends: ["RuntimeError", "ok"],
    why: "refused, never dropped",
  },
  "tool-fail-caught": {
    code: "try { await tools.fail() } catch (e) { return e.message }",
    ends: ["ok"],
    value: "tool says no",
  },
  "tool-fail-uncaught": { code: "await tools.fail()", ends: ["RuntimeError"] },
  "tool-result-big": {
    code: "return (await tools.big({n:4e6})).length",
    ends: ["ok", "RuntimeError", "MemoryLimit", "OutputLimit"],
    value: 4000000,
    why: "a tool result larger than the limit must be an error for that call, not for the worker",
  },
  "tool-result-huge": {
    code: "return (await tools.big({n:2e7})).length",
    ends: ["MemoryLimit", "RuntimeError", "ok", "OutputLimit", "CpuLimit"],
    why: "a text that is settled is in the heap several times over",
  },
  "tool-enumerate": {
    code: "return Object.keys(tools).sort()",
    ends: ["ok"],
    value: ["add", "big", "echo", "fail", "hang", "slow"],
    why: "only the tools of this run",
  },
  "tool-parallel-mixed": {
    code: "return (await Promise.allSettled([tools.echo(1),tools.fail(),tools.slow({ms:20})])).map(x=>x.status).join()",
    ends: ["ok"],
    value: "fulfilled,rejected,fulfilled",
  },
  "tool-reentrant-id": {
    code: "const a=tools.slow({ms:30}), b=tools.echo(2), c=tools.slow({ms:10}); return [await c, await b, await a].join()",
    ends: ["ok"],
    value: "slept,2,slept",
    why: "answers out of order",
  },
  "post-pending-tools": {
    code: "tools.slow({ms:500}); tools.hang(); return 1",
    ends: ["ok"],
    value: 1,
    why: "result at once; open calls cancelled; late answers ignored",
  },
  "post-tool-then-loop": {
    code: "tools.slow({ms:5}).then(()=>{for(;;);}); return 1",
    ends: ["ok"],
    value: 1,
    why: "the isolate is disposed with the result; nothing runs later",
  },
  "post-finreg": {
    code: 'if (typeof FinalizationRegistry!=="undefined"){ const r=new FinalizationRegistry(()=>{for(;;);}); for(let i=0;i<1000;i++) r.register({},i) } return 1',
    ends: ["ok"],
    value: 1,
    why: "would run outside every time-out",
  },
  "post-double-result": {
    code: 'const p=Promise.resolve(1); tools.echo(1).then(()=>{ throw new Error("second end") }); return p',
    ends: ["ok"],
    value: 1,
    why: "exactly one end message per run",
  },
  "post-return-then-throw": { code: 'try { return 1 } finally { throw new Error("x") }', ends: ["RuntimeError"] },
  "post-canary": {
    code: "return [typeof tools.echo, 6*7]",
    ends: ["ok"],
    value: ["function", 42],
    why: "what every other case leaves behind must be this",
  },
  "tool-arg-rawjson": {
    code: 'return await tools.echo({n: JSON.rawJSON ? JSON.rawJSON("1e999") : 1}).catch(e=>"err")',
    ends: ["ok"],
    why: "where JSON is written by hand, 1e999 would be read as Infinity",
  },
  "tool-arg-key-flood": {
    code: 'const o={}; for(let i=0;i<20000;i++) o["k"+i]=i; return await tools.echo(o).then(()=>"sent",()=>"refused")',
    ends: ["ok"],
    value: "refused",
    why: "20,000 keys",
  },
  "tool-arg-deep": {
    code: 'let o=1; for(let i=0;i<3000;i++) o=[o]; return await tools.echo(o).then(()=>"sent",()=>"refused")',
    ends: ["ok"],
    value: "refused",
    why: "3000 levels in 6 KB",
  },
};
