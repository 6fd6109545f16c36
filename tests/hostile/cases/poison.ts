import type { HostileCase } from "../case.ts";
import { says } from "../checks.ts";

/** The language changed under the harness. */
export const poison: Readonly<Record<string, HostileCase>> = {
  "poi-promise-then": {
    code: "Promise.prototype.then=function(){ for(;;); }; return 1",
    ends: ["ok", "CpuLimit"],
    value: 1,
    why: "harness must not call a patched then",
  },
  "poi-json": {
    code: 'JSON.stringify=()=>"{\\"forged\\":1}"; JSON.parse=()=>"forged"; return await tools.echo({a:1})',
    ends: ["ok"],
    value: { a: 1 },
    why: "harness uses saved originals",
  },
  "poi-toJSON": {
    code: 'Object.prototype.toJSON=function(){ return "forged" }; return {a:1}',
    ends: ["ok"],
    value: { a: 1 },
    why: "own result only; envelope, logs and tool names unchanged",
  },
  "poi-object-setter": {
    code: 'const seen=[]; for (const k of ["id","name","res","rej","type","text","args","value"]) Object.defineProperty(Object.prototype,k,{set(v){ seen.push(k+typeof v) },get(){ return undefined },configurable:true}); await tools.echo(1); return seen',
    ends: ["ok"],
    value: [],
    why: "harness objects are null-prototype or frozen: nothing leaks to the setters",
  },
  "poi-array-setter": {
    code: 'let n=0; Object.defineProperty(Array.prototype,"0",{set(v){ n++ },configurable:true}); await tools.echo(1); return n',
    ends: ["ok"],
    value: 0,
    why: "nor array elements",
  },
  "poi-map": {
    code: "Map.prototype.get=()=>({res(){},rej(){}}); Map.prototype.set=function(){ throw 1 }; Map.prototype.delete=()=>true; return await tools.echo(4)",
    ends: ["ok"],
    value: 4,
    why: "pending-call table uses saved methods",
  },
  "poi-reflect": {
    code: 'Reflect.apply=()=>"x"; Reflect.construct=()=>({}); Function.prototype.call=Function.prototype.apply=Function.prototype.bind=()=>()=>"x"; return await tools.echo(4)',
    ends: ["ok"],
    value: 4,
  },
  "poi-string": {
    code: 'String.prototype.slice=()=>"x"; String.prototype.substring=()=>"x"; String=()=>"x"; throw new Error("msg")',
    ends: ["RuntimeError"],
    check: says("msg"),
  },
  "poi-error-ctor": {
    code: "Error=function(){ return 5 }; TypeError=Error; globalThis.Error=null; return await tools.fail().catch(e=>typeof e)",
    ends: ["ok"],
    value: "object",
  },
  "poi-prepare-frames": {
    code: 'Error.prepareStackTrace=(e,s)=>s; const s=new Error("x").stack; return s.map(f=>[typeof f.getThis(), typeof f.getFunction(), typeof f.getEvalOrigin()].join()).filter(x=>!x.startsWith("undefined,undefined")).length',
    ends: ["ok"],
    value: 0,
    why: "frames of strict code tell neither `this` nor their function",
  },
  "poi-species": {
    code: 'Object.defineProperty(Promise,Symbol.species,{get(){ throw new Error("species") }}); return await tools.echo(4)',
    ends: ["ok", "RuntimeError"],
    value: 4,
  },
  "poi-promise-resolve": {
    code: "Promise.resolve=Promise.reject=Promise.withResolvers=()=>{ throw 1 }; return await tools.echo(4)",
    ends: ["ok"],
    value: 4,
  },
  "poi-asyncfunction": {
    code: "const AF=(async()=>{}).constructor; try { AF.prototype.constructor=null } catch {} try { Object.defineProperty(AF.prototype,'constructor',{value:null}) } catch {} Object.setPrototypeOf(AF,null); return await tools.echo(4)",
    ends: ["ok"],
    value: 4,
  },
  "poi-delete-all": {
    code: "for (const k of Object.getOwnPropertyNames(globalThis)) { try { delete globalThis[k] } catch {} } return await tools.echo(4)",
    ends: ["ok"],
    value: 4,
  },
  "poi-tools-tamper": {
    code: 'try { tools.echo = async()=>"forged" } catch {} try { Object.defineProperty(tools,"echo",{value:async()=>"forged"}) } catch {} try { Object.setPrototypeOf(tools,{evil(){}}) } catch {} return await tools.echo("real")',
    ends: ["ok"],
    value: "real",
    why: "tools object is frozen, null prototype",
  },
  "poi-symbol-toPrimitive": {
    code: "Object.prototype[Symbol.toPrimitive]=()=>{ throw 1 }; Object.prototype.valueOf=null; throw {a:1}",
    ends: ["RuntimeError"],
  },
  "poi-getter-global": {
    code: 'for (const k of ["tools","console","send","host","__host","$0","$1"]) Object.defineProperty(globalThis,k,{get(){ throw new Error("global read "+k) },configurable:true}); return await tools.echo(4)',
    ends: ["ok"],
    value: 4,
    why: "harness reads no mutable global",
  },
};
