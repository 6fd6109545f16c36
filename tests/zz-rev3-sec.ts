import { WorkerPeer } from "./worker-peer.ts";
let w = new WorkerPeer();
const tools = {
  add: ({ a, b }: any) => a + b,
  "gh.list": () => [{ id: 1 }],
  echo: (x: any) => x,
  fail: () => {
    throw new Error("no");
  },
  slow: () => new Promise((r) => setTimeout(() => r(1), 50)),
};
const cases: [string, string][] = [
  [
    "promise subclass then twice",
    `class Q extends Promise { then(a,b){ console.log('then'); return super.then(a,b) } }
 const q = new Q(r => r(1)); const v = await q; return v`,
  ],
  [
    "no-mark same",
    `const P = (async()=>{})().constructor; class Q extends P { ['th'+'en'](a,b){ console.log('th'); return super['th'+'en'](a,b) } }
 const q = new Q(r => r(1)); const v = await q; return v`,
  ],
  [
    "own-then promise",
    `const p = Promise.resolve(1); let n = 0; Object.defineProperty(p, 'constructor', { get() { n++; return Promise } }); await p; return n`,
  ],
  [
    "microtask order",
    `const log=[]; const q = async (n) => { for (let i=0;i<3;i++){ await Promise.resolve(); log.push(n+i) } }; await Promise.all([q('a'),q('b'),(async()=>{ for(let i=0;i<3;i++){ await null; log.push('c'+i) } })()]); return log.join()`,
  ],
  [
    "unhandled with late await",
    `const p = Promise.reject(new Error('x')); p.catch(()=>{}); try { await p } catch(e) { return e.message }`,
  ],
  [
    "prepareStackTrace throws on tool fail",
    `Error.prepareStackTrace = () => { throw new Error('pst') }; try { await tools.fail() } catch (e) { return 'caught ' + e.message }`,
  ],
  [
    "prepareStackTrace throws on tool fail, uncaught",
    `Error.prepareStackTrace = () => { throw new Error('pst') }; await tools.fail()`,
  ],
  [
    "pst infinite? returns object",
    `Error.prepareStackTrace = () => ({get x(){return 1}}); try { await tools.fail() } catch (e) { return typeof e.stack }`,
  ],
  [
    "stackTraceLimit getter",
    `Object.defineProperty(Error,'stackTraceLimit',{get(){ return 0 }}); try { await tools.fail() } catch (e) { return e.message }`,
  ],
  [
    "pst frames inspect",
    `const got = []; Error.prepareStackTrace = (e, s) => { for (const c of s) { let f; try { f = c.getFunction() } catch {} let t; try { t = c.getThis() } catch {} ; got.push((c.getFunctionName()||'?') + ':' + typeof f + ':' + typeof t + ':' + c.getFileName()) } return '' };
  console.log({ get a() { return 1 }, [Symbol.toStringTag]: 'x' });
  const probe = () => { const e = new Error(); e.stack; };
  class K { get [Symbol.toStringTag]() { probe(); return 'K' } }
  console.log(new K()); console.log('%s', { toString() { probe(); return 'z' } }); console.table([{a: new K()}]); 
  new URL({ toString() { probe(); return 'http://a' } }); 
  structuredClone({ get a() { probe(); return 1 } });
  text(new K()); try { json({ get a() { probe(); return 1 } }) } catch {}
  await tools.echo({ get a() { probe(); return 1 } });
  new TextDecoder({ toString() { probe(); return 'utf-8' } }); new URLSearchParams({ get a() { probe(); return 'b' } });
  const et = new EventTarget(); et.addEventListener('x', () => probe()); et.dispatchEvent(new Event('x'));
  atob({ toString() { probe(); return 'aaaa' } });
  new AbortController().signal.constructor;
  return [...new Set(got)].filter(x => /:(function|object)/.test(x)).join('\\n')`,
  ],
  [
    "sloppy caller",
    `const f = new Function('return (function probe() { return probe.caller })()'); const out = [];
   const mk = new Function('out', 'return function probe() { out.push(probe.caller ? String(probe.caller).slice(0,80) : String(probe.caller)); return "z" }')(out);
   console.log('%s', { toString: mk }); console.log({ get [Symbol.toStringTag]() { return mk() } });  new URL({ toString: mk, valueOf: mk }); const o = {}; Object.defineProperty(o, 'a', { get: mk, enumerable: true }); structuredClone(o); json(o);
   class K {}; Object.defineProperty(K.prototype, Symbol.toStringTag, { get: mk }); console.log(new K()); new URLSearchParams(o); atob({toString: mk}); const et = new EventTarget(); et.addEventListener('x', mk); et.dispatchEvent(new Event('x')); setTimeout(mk, 1); await tools.slow(); await tools.slow(); [1].map(mk); queueMicrotask(mk); await null; await null;
   return out`,
  ],
  [
    "URL own symbols",
    `const u = new URL('http://a/?b=1'); const ks = [u, u.searchParams, new Event('x'), new AbortController(), new AbortController().signal, new TextEncoder(), new TextDecoder(), new DOMException('a'), crypto, crypto.subtle].map(o => { const all = []; for (let p = o; p && p !== Object.prototype; p = Object.getPrototypeOf(p)) all.push(...Reflect.ownKeys(p).map(k => typeof k === 'symbol' ? k.toString() : k)); return (o.constructor?.name) + ': ' + all.filter(k => /Symbol|impl|_/.test(k)).join() }); return ks`,
  ],
  [
    "sources",
    `return { run: String(tools.add.run).slice(0,60), add: String(tools.add).slice(0,60), callTool: String(callTool).slice(0,60), log: String(console.log).slice(0,60), now: String(Date.now).slice(0,60), url: String(URL).slice(0,60), mark: 'x', st: String(setTimeout).slice(0,60), search: String(tools.$search).slice(0,60), text: String(text).slice(0,50) }`,
  ],
  ["mark fn source", `Promise; return String($codemodeAwait).slice(0,90)`],
  [
    "mark forging",
    `Promise; $codemodeAwait({ toString() { throw 1 } }, new Promise(()=>{})); await new Promise(()=>{})`,
  ],
  ["mark fn index", `Promise; $codemodeAwait(() => {}, new Promise(()=>{})); await new Promise(()=>{})`],
  ["mark throw idx", `$codemodeThrow({ toString() { throw 1 } }, 5); throw\t5`],
  ["mark throw idx2", `const f = $codemodeThrow; f(Symbol('x'), 5);\nawait Promise.reject(5)`],
  ["wrong line for same primitive", `try { throw 'boom' } catch {}\n\n\nconst p = Promise.reject('boom');\nawait p;`],
  [
    "throw in callback caught elsewhere",
    `const xs=[1];\nfunction inner() { throw 'x' }\ntry { inner() } catch (e) { throw e }`,
  ],
  [
    "ns shared mutate",
    `const d = tools.$describe('add'); d.inputSchema.properties = { zz: {type:'string'} }; delete d.inputSchema.required; return [tools.$describe('add').signature, await tools.echo(1)]`,
  ],
  [
    "tools.add.name",
    `return [tools.add.name, tools.add.length, Object.keys(tools), typeof tools.gh, tools.gh.list.name, 'add' in tools, 'zzz' in tools, tools.nope ? 1 : 0]`,
  ],
  [
    "console.log tools",
    `console.log(tools); console.log(tools.add); console.log(tools.add({a:1,b:2})); console.log(context, config); console.log(tools.$search('a'))`,
  ],
  [
    "global arr",
    `return Reflect.ownKeys(globalThis).filter(k => /odemode|ALL|inter|emit|print|notify|gh|call/.test(String(k)))`,
  ],
  ["arguments leak", `return Array.from(arguments).map(x => typeof x)`],
  [
    "search proxies",
    `return tools.$search(new Proxy({}, { get(t,k) { console.log(String(k)); return undefined } })).length`,
  ],
  ["describe hostile", `try { tools.$describe({ toString() { throw 'q' } }) } catch (e) { return e }`],
  ["image proxy", `try { image(new Proxy(new Uint8Array(3), {})) } catch (e) { return e.message }`],
  [
    "image bad b64",
    `image('not base64!!', 'text/html\\r\\nx: y'); image('data:text/html;base64,PHNjcmlwdD4='); image('iVBO','x'.repeat(1000))`,
  ],
  ["text many", `text(); text(undefined); text(null); text({a:1}); text([1,2]); text(new Error('x')); json(undefined)`],
  ["deadlock w/o Promise word", `let p;\nconst f = async () => { await 0; await p; };\np = f();\nawait p;`],
  [
    "deadlock for await",
    `const it = { [Symbol.asyncIterator]() { return { next: () => new Promise(() => {}) } } };\nfor await (const x of it) {}\n`,
  ],
  [
    "deadlock in helper",
    `async function wait() {\n  await new Promise(r => {});\n}\nconst a = wait();\nawait tools.slow();\nawait a;`,
  ],
  [
    "stuck other first",
    `const bg = (async () => { await new Promise(() => {}) })();\nconst x = await tools.slow();\nawait new Promise(() => {});`,
  ],
  ["cond import err", `const x = require('lodash'); return x`],
  [
    "line in TS",
    `interface A { x: number }\n\nconst a: A = { x: 1 };\nconst f = (y: A): number => {\n  return (y as any).z.q;\n};\nreturn f(a);`,
  ],
  [
    "line in TS enum",
    `enum A { X, Y }\nnamespace N { export const q = 1 }\nclass P { constructor(private a: number) {} go() { return (this as any).b.c } }\n\nnew P(1).go();`,
  ],
  ["line CRLF", "const a = 1;\r\nconst b = null;\r\nreturn b.x;\r\n"],
  ["line fence", "```js\nconst b = null;\nreturn b.x;\n```"],
  ["col awaits same line", `const o = await Promise.resolve({}); const p = await Promise.resolve(1); return o.x.y`],
  ["throws error from then cb", `return await Promise.resolve(1).then(x => x.foo.bar)`],
  [
    "hasInstance",
    `Object.defineProperty(Promise, Symbol.hasInstance, { value: () => { throw 1 } }); return await tools.add({a:1,b:2})`,
  ],
  ["object proto then", `Object.prototype.then = function (r) { r('FORGED') }; return { a: 1 }`],
  [
    "proto getter type",
    `Object.defineProperty(Object.prototype, 'type', { get() { return 'x' }, set() {} , configurable: true}); Object.defineProperty(Object.prototype, 'kind', { get() { throw 1 }, set() {} }); await tools.nope()`,
  ],
  ["AsyncFunction proto then", `Promise.prototype.then = function () { return 1 }; return 5`],
  [
    "Array idx setter",
    `Object.defineProperty(Array.prototype, 0, { set(v) { console.log('set') }, get() { return 'g' } }); try { await tools.add({a:1,b:2}); } catch (e) { return String(e) } return tools.$search('add').length`,
  ],
  [
    "regexp exec",
    `RegExp.prototype.exec = () => { throw 1 }; String.prototype.replace = () => { throw 2 }; console.log({ a: 'x' }, new Map([[1,2]])); await tools.nop({a:1})`,
  ],
];
const only = process.argv[2];
for (const [name, code] of cases) {
  if (only && !name.includes(only)) continue;
  let r: any;
  try {
    r = await Promise.race([
      w.run(code, tools),
      new Promise((_, rej) => setTimeout(() => rej(new Error("TIMEOUT-HANG")), 8000)),
    ]);
  } catch (e) {
    console.log(name, "!!", (e as Error).message);
    w = new WorkerPeer();
    continue;
  }
  const got = r.error
    ? `ERR ${r.error.type} ${r.error.name}: ${r.error.message} @${r.error.line}:${r.error.column} hint=${r.error.hint}\n${r.error.stack}`
    : typeof r.value === "string"
      ? r.value
      : JSON.stringify(r.value);
  console.log(
    `== ${name}\n   ${got}${r.warnings.length ? "\n   W: " + r.warnings.join("|") : ""}${r.logs.length ? "\n   L: " + r.logs.join("\n      ").slice(0, 1500) : ""}${
      r.outputs.length
        ? "\n   O: " +
          r.outputs
            .map((o: any) =>
              JSON.stringify({
                ...o,
                value: o.value?.data ? { m: o.value.mimeType, d: o.value.data.toString() } : o.value,
              }),
            )
            .join(" ")
            .slice(0, 900)
        : ""
    }`,
  );
}
await w[Symbol.asyncDispose]();
process.exit();
