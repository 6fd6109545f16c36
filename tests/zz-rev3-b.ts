import { WorkerPeer, budgets, manifestOf } from "./worker-peer.ts";
let w = new WorkerPeer();
const tools = {
  add: ({ a, b }: any) => a + b,
  echo: (x: any) => x,
  fail: () => {
    throw new Error("no");
  },
};
async function go(name: string, code: string, settings: any = {}) {
  let r: any;
  const t = performance.now();
  try {
    r = await Promise.race([
      w.run(code, tools, settings),
      new Promise((_, rej) => setTimeout(() => rej(new Error("HANG")), 15000)),
    ]);
  } catch (e) {
    console.log("==", name, "!!", (e as Error).message, Math.round(performance.now() - t));
    w = new WorkerPeer();
    return;
  }
  const got = r.error
    ? `ERR ${r.error.type} ${r.error.name}: ${r.error.message.slice(0, 300)} @${r.error.line}:${r.error.column} hint=${r.error.hint} sig=${r.error.signature}`
    : typeof r.value === "string"
      ? r.value
      : JSON.stringify(r.value);
  console.log(
    `== ${name} ${Math.round(performance.now() - t)}ms\n   ${got}${r.warnings.length ? "\n   W: " + r.warnings.join("|") : ""}${r.logs.length ? "\n   L: " + r.logs.join("\n      ").slice(0, 1500) : ""}`,
  );
}
await go(
  "sloppy caller",
  `const out = [];
   const mk = new Function('out', 'return function probe() { out.push(probe.caller ? String(probe.caller).slice(0,80) : String(probe.caller)); return "http://z" }')(out);
   const t = (n, f) => { out.push(n); try { f() } catch (e) { out.push('E ' + e.message) } };
   t('log', () => console.log('%s', { toString: mk })); t('url', () => new URL({ toString: mk, valueOf: mk })); const o = {}; Object.defineProperty(o, 'a', { get: mk, enumerable: true }); t('sc', () => structuredClone(o)); t('json', () => json(o));
   class K {}; Object.defineProperty(K.prototype, Symbol.toStringTag, { get: mk }); t('insp', () => console.log(new K())); t('usp', () => new URLSearchParams(o)); t('atob', () => atob({toString: mk})); const et = new EventTarget(); t('ev', () => { et.addEventListener('x', mk); et.dispatchEvent(new Event('x')); }); t('table', () => console.table([o]));
   t('px', () => console.log(new Proxy({}, { getPrototypeOf: mk, ownKeys: mk, get: mk, has: mk, getOwnPropertyDescriptor: mk })));
   t('te', () => new TextEncoder().encode({toString: mk})); t('hd', () => crypto.subtle.digest({ get name() { return mk() } }, new Uint8Array(1)));
   return out.join('\\n')`,
);
for (const [n, s] of Object.entries({
  emptyAny: {
    type: "object",
    properties: {
      a: { anyOf: [] },
      b: { enum: [] },
      c: { type: [] },
      d: { type: "array", items: { enum: ["a", "b"] } },
      e: { type: ["string", "null"] },
      f: { type: "array", items: { type: ["string", "null"] } },
      g: {
        allOf: [
          { anyOf: [{ type: "string" }, { type: "number" }] },
          { type: "object", properties: { x: { type: "string" } } },
        ],
      },
      h: { type: "string", nullable: true },
      i: { type: "string", enum: ["x"] },
      j: { type: "array" },
      k: { type: "array", prefixItems: [{ type: "string" }, { type: "number" }] },
      "l m": { type: "object", properties: { q: { type: "string" } }, additionalProperties: true },
    },
    required: ["a"],
  },
})) {
  await go("sig " + n, "return tools.$describe('add').signature", { manifest: manifestOf(tools, { add: s }) });
}
await go("sig many props", "return tools.$describe('add').signature", {
  manifest: manifestOf(tools, {
    add: {
      type: "object",
      properties: Object.fromEntries(
        Array.from({ length: 60 }, (_, i) => ["property_number_" + i, { type: "string", description: "d" }]),
      ),
      required: ["property_number_1"],
    },
  }),
});
await go("sig $ref esc", "return tools.$describe('add').signature", {
  manifest: manifestOf(tools, {
    add: {
      type: "object",
      properties: { x: { $ref: "#/$defs/a~1b" }, y: { $ref: "#/$defs/A%20B" }, z: { $ref: "#/$defs/L" } },
      $defs: {
        "a/b": { type: "string" },
        "A B": { type: "number" },
        L: { type: "object", properties: { next: { $ref: "#/$defs/L" }, v: { type: "number" } } },
      },
    },
  }),
});
await go(
  "describe mutate",
  "const d = tools.$describe('add'); d.inputSchema.properties = { zz: { type: 'string' } }; return [tools.$describe('add').signature]",
  { manifest: manifestOf(tools, { add: { type: "object", properties: { a: { type: "number" } } } }) },
);
await go(
  "positional hijack by mutate",
  "const d = tools.$describe('echo'); for (const k of Object.keys(d.inputSchema.properties)) delete d.inputSchema.properties[k]; return await tools.echo(1, 2)",
  {
    manifest: manifestOf(tools, {
      echo: { type: "object", properties: { a: { type: "number" }, b: { type: "number" } } },
    }),
  },
);
for (const n of [200, 500, 1000, 2000, 4000, 8000])
  await go("oxc paren " + n, "let x: number = " + "(".repeat(n) + "1" + ")".repeat(n) + "; return x");
for (const n of [1000, 3000, 6000, 12000])
  await go("oxc plus " + n, "let x: string = " + "'a' +\n ".repeat(n) + "'b'; return x.length");
for (const n of [1000, 3000, 6000, 12000])
  await go("js plus " + n, "let x = " + "'a' +\n ".repeat(n) + "'b'; return x.length");
await go("TS deadlock", "const x: number = 1;\nenum E { A }\nawait new Promise<void>(() => {});");
await go("TS throw literal", "const f = (a: string): never => { throw a };\nenum E { A }\nf('x');");
await go("TS syntax err", "const x: number = 1;\nconst y: = 2;");
await go(
  "TS multi-line generics",
  "const f = async <T,>(x: T): Promise<T> => {\n  const y = await Promise.resolve(x);\n  throw 'lit';\n};\nawait f<number>(1);",
);
await go("decorator", "@foo class A {}\nreturn 1");
await go("JSX", "const a = <div>hi</div>;\nreturn a");
await go("await in nonasync", "const f = () => { const x = await tools.add({a:1,b:2}); return x };\nreturn f()");
await go("forEach async", "let s = 0;\n[1,2].forEach(async (x) => { s += await tools.add({a:x,b:1}) });\nreturn s");
await go("missing await prop", "const r = tools.echo({a: 1});\nconsole.log(r.a)");
await go("missing await eq", "if (tools.add({a:1,b:1}) === 2) return 'y'; return 'n'");
await go("missing await length", "const r = tools.echo([1]); for (let i = 0; i < r.length; i++) {} return 1");
await go("missing await spread obj", "const r = tools.echo({a:1}); return {...r}");
await go("missing await destructure", "const { a } = tools.echo({a:1}); return a");
await go("missing await template", "return `v: ${tools.add({a:1,b:2})}`");
await go("missing await JSON", "return JSON.stringify(tools.add({a:1,b:2}))");
await go("missing await string concat own async", "const f = async () => 1; return 'a' + f()");
await go("thenable tool", "return await tools.add({a:1,b:2}).then(r => r * 2).catch(e => 0).finally(() => {})");
await go(
  "Promise.race",
  "return await Promise.race([tools.add({a:1,b:2}), new Promise((_, r) => setTimeout(() => r(new Error('t')), 1000))])",
);
await go(
  "return err code",
  "try { await tools.fail() } catch (e) { return [e.name, e.message, e.code, e.tool, e instanceof Error] }",
);
await go("toJSON class", "class P { constructor() { this.a = 1 } get b() { return 2 } }\nreturn new P()");
await go("huge array index", "const a = []; a[4294967294] = 1; return a");
await go("huge sparse tool arg", "const a = []; a.length = 4294967295; await tools.echo({a})");
await go("huge sparse json mode", "return new Array(1e9)", {});
await go("huge log proxies", "console.log(new Proxy([], { get(t,k) { return k === 'length' ? 2**53 : t[k] } }))");
await go(
  "console big map",
  "const m = new Map(); for (let i=0;i<1e5;i++) m.set(i,{i}); console.log(m); console.log(new Set(m.keys())); console.log('x'.repeat(1e6).length); console.table(Array.from({length:1e5},(_, i)=>({i})))",
);
await go("result deep 99", "let v = 1; for (let i = 0; i < 99; i++) v = [v]; return v");
await go("result deep 100 obj in map", "let v = 1; for (let i = 0; i < 99; i++) v = new Map([[v, v]]); return 'built'");
await go("deep map value", "let v = 1; for (let i = 0; i < 22; i++) v = new Map([[v, v]]); return v");
await go(
  "date clock",
  "const a = Date.now(); await tools.add({a:1,b:1}); return [Date.now() - a, new Date().toISOString(), new Intl.DateTimeFormat().format(), new Date().toLocaleString()]",
);
await w[Symbol.asyncDispose]();
process.exit();
