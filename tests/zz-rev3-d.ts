import { WorkerPeer } from "./worker-peer.ts";
await using w = new WorkerPeer();
for (const [n, code] of [
  ["jsparse as compare w/ side effects", "const r = [1,2].filter<boolean>(Boolean).length; return r"],
  ["generic own fn", "interface R { id: number }\nconst f = (x) => x;\nconst a = f<R>({ id: 1 });\nreturn a"],
  ["generic own fn js only", "const f = (x) => x; class R {}\nconst a = f<R>({ id: 1 });\nreturn a"],
  [
    "class field generic",
    "const m = new Map<string, Set<string>>(); m.set('a', new Set<string>(['x'])); return m.size",
  ],
  [
    "lazy query",
    "let n = 0; class Query extends Promise { then(a, b) { n++; console.log('SELECT runs'); return super.then(a, b) } static get [Symbol.species]() { return Promise } }\nconst q = new Query(r => r(5)); await q; return n",
  ],
  ["throw in for-await", "async function* g() { throw 'lit' }\nfor await (const x of g()) {}"],
  [
    "stale literal line",
    "async function a() {\n  try { throw 'retry' } catch {}\n}\nawait a();\nawait new Promise((_, no) => no('retry'));",
  ],
  ["html close", "let n = 2\nlet c = 0\nwhile (n\n-->0) c++\nreturn c"],
  ["import.meta", "const a = 1;\nconst dir = import.meta.dirname;\nreturn dir"],
  ["static regexes", "return RegExp.$1"],
  [
    "timer fires twice",
    "let n=0; const id = setInterval(() => { if (++n === 3) clearInterval(id) }, 1); await new Promise(r => setTimeout(r, 20)); return n",
  ],
  ["default+return type", "export default (async () => 3)()"],
  ["exp default obj", "export default { a: 1 }"],
  ["label return", "a: { return 1 }"],
  ["switch return", "switch (1) { case 1: return 4 }"],
  ["do-while last", "let i = 0; do { i++ } while (i < 3)\ni"],
  ["class then expr", "class A { x = 1 }\nnew A()"],
  ["template last", "const a = 1\n`v ${a}`"],
  ["fn last", "const a = 1\nfunction b() { return 2 }"],
] as const) {
  const r = await w.run(code, { t: () => 1 });
  console.log(
    "==",
    n,
    r.error
      ? `ERR ${r.error.type} ${r.error.name}: ${r.error.message} @${r.error.line}:${r.error.column}`
      : JSON.stringify(r.value),
    r.warnings.join("|"),
    r.logs.join("|"),
  );
}
process.exit();
