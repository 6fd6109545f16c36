import { WorkerPeer, budgets, manifestOf } from "./worker-peer.ts";
import { OnOversize } from "@codemode/proto/messages";
async function go(name: string, code: string, settings: any = {}, tools: any = {}) {
  const w = new WorkerPeer();
  const t = performance.now();
  let r: any;
  try {
    r = await Promise.race([
      w.run(code, tools, settings),
      new Promise((_, rej) => setTimeout(() => rej(new Error("over 40 s")), 40000)),
    ]);
  } catch (e) {
    r = { error: { type: "!!", message: String(e) }, warnings: [] };
  }
  console.log(
    name,
    Math.round(performance.now() - t),
    "ms",
    "cpu",
    Math.round(w.cpuMs),
    r.error
      ? `${r.error.type} ${String(r.error.message).slice(0, 160)} hint=${r.error.hint?.slice(0, 100)}`
      : JSON.stringify(r.value)?.slice(0, 160),
    r.warnings?.join("|").slice(0, 200),
  );
  await w[Symbol.asyncDispose]();
}
const names = (n: number, len: number) =>
  Array.from(
    { length: n },
    (_, i) =>
      ("service" + (i % 50) + ".resource_action_" + i + "x".repeat(200)).slice(0, len - 6) +
      String(100000 + i).slice(1) +
      "z",
  );
const man = (ns: string[]) => ({
  tools: ns.map((name) => ({ name, description: "Does " + name, inputSchemaJson: "", outputSchemaJson: "" })),
  agents: [],
});
const big = { ...budgets, resultBytes: 1024n * 1024n, heapBytes: 64n * 1024n * 1024n };
const which = process.argv[2] ?? "";
const T: [string, () => Promise<void>][] = [
  [
    "nearest 200x30",
    () => go("nearest 200x30", "await tools.service1.resourceActon()", { manifest: man(names(200, 30)) }),
  ],
  [
    "nearest 1000x30",
    () => go("nearest 1000x30", "await tools.service1_resource_actoin_77qqqqq()", { manifest: man(names(1000, 30)) }),
  ],
  [
    "nearest 1000x60",
    () =>
      go("nearest 1000x60", "await tools['service1_resource_actoin_77" + "x".repeat(22) + "q']()", {
        manifest: man(names(1000, 60)),
      }),
  ],
  [
    "nearest 10000x128",
    () => go("nearest 10000x128", "await tools['" + "q".repeat(128) + "']()", { manifest: man(names(10000, 128)) }),
  ],
  ["boot 10000x128", () => go("boot 10000x128", "return 1", { manifest: man(names(10000, 128)) })],
  [
    "search 10000",
    () => go("search 10000", "return tools.$search('service resource').length", { manifest: man(names(10000, 128)) }),
  ],
  [
    "cut records",
    () =>
      go(
        "cut records",
        "return Array.from({length: 12000}, (_, i) => ({ id: i, name: 'user ' + i, address: { street: 'a'.repeat(20), geo: { lat: i, lng: i } }, tags: ['a','b','c'] }))",
        { onOversize: OnOversize.ON_OVERSIZE_TRUNCATE, budgets: big },
      ),
  ],
  [
    "make only",
    () =>
      go(
        "make only",
        "const x = Array.from({length: 12000}, (_, i) => ({ id: i, name: 'user ' + i, address: { street: 'a'.repeat(20), geo: { lat: i, lng: i } }, tags: ['a','b','c'] })); return x.length",
        { budgets: big },
      ),
  ],
  [
    "cut nums",
    () =>
      go("cut nums", "return Array.from({length: 300000}, (_, i) => [i])", {
        onOversize: OnOversize.ON_OVERSIZE_TRUNCATE,
        budgets: big,
      }),
  ],
  [
    "cut nested",
    () =>
      go(
        "cut nested",
        "let v = Array.from({length: 300000}, () => [1]); for (let i = 0; i < 60; i++) v = [v]; return v",
        { onOversize: OnOversize.ON_OVERSIZE_TRUNCATE, budgets: big },
      ),
  ],
  [
    "cut chain",
    () =>
      go(
        "cut chain",
        "let v = 'x'.repeat(300000); for (let i = 0; i < 90; i++) v = [Array(200).fill('y'.repeat(100)), v]; return v",
        { onOversize: OnOversize.ON_OVERSIZE_TRUNCATE, budgets: big },
      ),
  ],
  [
    "cut dag",
    () =>
      go("cut dag", "let v = []; for (let i = 0; i < 90; i++) v = [v, v, v]; return ['x'.repeat(2e6), v]", {
        onOversize: OnOversize.ON_OVERSIZE_TRUNCATE,
        budgets: big,
      }),
  ],
  [
    "cut dag first",
    () =>
      go("cut dag first", "let v = []; for (let i = 0; i < 90; i++) v = [v, v, v]; return [v, 'x'.repeat(2e6)]", {
        onOversize: OnOversize.ON_OVERSIZE_TRUNCATE,
        budgets: big,
      }),
  ],
  [
    "cut getters",
    () =>
      go("cut getters", "let n = 0; return { get a() { n++; console.log(n); return 'x'.repeat(2e6) } }", {
        onOversize: OnOversize.ON_OVERSIZE_TRUNCATE,
        budgets: big,
      }),
  ],
  [
    "sig refs",
    () => {
      const w = 250;
      const defs: any = {};
      for (const k of ["a", "b", "c"]) defs[k] = {};
      const mk = (to: string) => ({ anyOf: Array.from({ length: w }, () => ({ $ref: "#/$defs/" + to })) });
      const schema = {
        $ref: "#/$defs/a",
        $defs: {
          a: mk("b"),
          b: mk("c"),
          c: { anyOf: [] },
          ...Object.fromEntries(Array.from({ length: 300 }, (_, i) => ["z" + i, {}])),
        },
      };
      return go("sig refs", "return tools.$describe('t').signature", {
        manifest: {
          tools: [{ name: "t", description: "", inputSchemaJson: JSON.stringify(schema), outputSchemaJson: "" }],
          agents: [],
        },
      });
    },
  ],
  ["crash oxc", () => go("crash oxc", "let x: number = " + "(".repeat(100000) + "1" + ")".repeat(100000))],
  ["crash oxc2", () => go("crash oxc2", "let x: number = " + "[".repeat(100000) + "1" + "]".repeat(100000))],
  ["crash oxc3", () => go("crash oxc3", "let x: number = " + "a => ".repeat(50000) + "1")],
  ["crash oxc4", () => go("crash oxc4", "type X = " + "Array<".repeat(50000) + "1" + ">".repeat(50000) + "; return 1")],
  ["crash oxc5", () => go("crash oxc5", "let x: number = " + "1+".repeat(100000) + "1; return x")],
  ["crash acorn", () => go("crash acorn", "return " + "1+".repeat(100000) + "1")],
  ["crash acorn mark", () => go("crash acorn mark", "Promise; return " + "1+".repeat(5000) + "1")],
  [
    "stack regex",
    () => go("stack regex", "const e = new Error('x'); e.stack = '   at ' + ' (, a'.repeat(1590); throw e"),
  ],
  [
    "frames logs",
    () =>
      go(
        "frames logs",
        "for (let i = 0; i < 900; i++) console.log('codemode:program:9:1 codemode:program:9:1 ');\n" +
          "\n".repeat(150000),
        { budgets: { ...budgets, logBytes: 1000000n } },
      ),
  ],
];
for (const [n, f] of T) if (n.startsWith(which)) await f();
process.exit();
