import { Codemode, ComponentRegistry } from "@codemode/client";
const registry = new ComponentRegistry();
await using cm = Codemode.fromClientConfig({ registry, config: { executor: { workers: 2 } } });
let last = performance.now(),
  worst = 0;
const iv = setInterval(() => {
  worst = Math.max(worst, performance.now() - last);
  last = performance.now();
}, 20);
const o = await cm.execute("const x = `" + '"\\'.repeat(64000) + " `;\nfor(;;);");
await new Promise((r) => setTimeout(r, 100));
console.log(o.toModelText().slice(0, 200), "\napp event loop blocked for", Math.round(worst), "ms; source", 128000);
process.exit();
