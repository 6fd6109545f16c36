import { Codemode, ComponentRegistry } from "@codemode/client";
import { z } from "zod";
const registry = new ComponentRegistry();
await using cm = Codemode.fromClientConfig({ registry, config: { executor: { workers: 1 } } });
registry.registerTool("web.get", {
  description: "x",
  inputSchema: z.object({ url: z.string() }),
  execute: async () => {
    throw new Error("HTTP 500: " + "<html><body>err ".repeat(400));
  },
});
registry.registerTool("echo", { description: "x", execute: async (x: any) => x });
registry.registerTool("secretfail", {
  description: "x",
  execute: async () => {
    const e = new Error("boom");
    (e as any).cause = new Error("dbpass=hunter2");
    throw e;
  },
});
registry.registerTool("mail", {
  description: "x",
  inputSchema: z.object({ to: z.string(), n: z.number().optional(), tags: z.array(z.string()).optional() }),
  execute: async () => "ok",
});
const show = async (name: string, code: string, opt: any = {}, budget?: number) => {
  const t = performance.now();
  try {
    const o = await cm.execute(code, opt);
    let text;
    try {
      text = o.toModelText(budget ? { budget } : {});
    } catch (e) {
      text = "toModelText threw " + e;
    }
    console.log(
      `== ${name} ${Math.round(performance.now() - t)} ms\n${text.length > 700 ? text.slice(0, 350) + " ...... " + text.slice(-350) : text}`,
    );
    if (opt.dump) console.log(JSON.stringify(o.toJSON()).slice(0, 1500));
    return o;
  } catch (e) {
    console.log("==", name, "THROWN", e);
  }
};
await show("long tool error", "const r = await tools.web.get({ url: 'http://x' });\nreturn r");
await show("long thrown", "const data = { a: 'x'.repeat(5000) };\nthrow new Error('bad: ' + JSON.stringify(data))");
await show("long value + unawaited", "tools.echo({a:1});\nreturn 'x'.repeat(5000)");
await show("cut value", "return Array.from({length:400000},(_, i)=>i)", { onOversize: "truncate" });
await show("arg depth 70", "let v = 1; for (let i = 0; i < 70; i++) v = { v };\nreturn typeof await tools.echo(v)");
await show("arg key constructor", "return await tools.echo({ constructor: 'Acme Ltd' })");
await show("text error", "try { null.x } catch (e) { text(e); text({ e }); json({e}); console.log(e) }");
await show("return error", "return new Error('x')", { dump: true });
await show("arg error", "return (await tools.echo({ e: new Error('x') })).e.stack");
await show("outputs in toJSON", "text('hi'); json({a:1}); image(new Uint8Array(3)); return 1", { dump: true });
await show("secretfail", "await tools.secretfail()");
await show(
  "secretfail caught",
  "try { await tools.secretfail() } catch (e) { return { m: e.message, c: String(e.cause), s: e.stack, k: Reflect.ownKeys(e) } }",
);
await show("mail wrong types", "await tools.mail({ to: 5, tags: 'a' })");
await show("mail array el", "await tools.mail({ to: 'a', n: '5' })");
await show("mail text", "await tools.mail('a@b')");
await show("mail none", "await tools.mail()");
await show("map no fn", "const r = await tools.echo({items: [1]});\nreturn r.map(x => x)");
await show(
  "error class",
  "class MyErr extends Error { constructor(m) { super(m); this.name = 'MyErr' } }\nthrow new MyErr('q')",
);
await show("err thrown object", "throw { code: 5, message: 'q' }");
await show("JSON.parse of obj", "const r = await tools.echo({items: [1]});\nreturn JSON.parse(r)");
await show("returns fn", "return { a: 1, run() {} }");
await show("infinite loop", "let i = 0;\nwhile (true) {\n  i++;\n}", { cpuMs: 300 });
await show("timeout tool", "await new Promise(r => setTimeout(r, 5000))", { timeoutMs: 300 });
await show("oxc crash", "let x: number = " + "(".repeat(100000) + "1" + ")".repeat(100000));
await show("user data msg with 'JSON'", "throw new Error('The JSON export quota of this customer is used up')");
await show("user 'is not a function' literal", "throw new Error('permission denied for JSON api')");
await show(
  "throw in map async",
  "const xs = [1,2];\nconst r = await Promise.all(xs.map(async (x) => {\n  const v = await tools.echo({x});\n  return v.y.z;\n}));\nreturn r",
);
await show("tool result array methods", "const r = await tools.echo([1,2,3]);\nreturn r.filter(x => x > 1)");
await show("Map returned", "return new Map([['a', 1]])");
await show("Unknown agent", "await agents.writer.run({})");
await show("undefined tool ns", "await tools.github.search({q: 1})");
await show("string proto", "return 'a'.foo()");
await show("budget small", "await tools.mail({ to: 5, tags: 'a' })", {}, 60);
process.exit();
