// An app that is killed while a program spins and another waits: what it started must die with it.
import { Codemode, ComponentRegistry } from "@codemode/client";

const registry = new ComponentRegistry();
let started = 0;
registry.registerTool("started", {
  description: "Tells that the program runs",
  execute: () => {
    if (++started === 2) console.log("running");
  },
});
const codemode = Codemode.fromClientConfig({ registry });
const budgets = { cpuMs: 50_000 };
await Promise.all([
  codemode.execute("await tools.started({}); for (;;);", { budgets }),
  codemode.execute("await tools.started({}); await new Promise((r) => setTimeout(r, 60_000))", { budgets }),
]);
