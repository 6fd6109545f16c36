// Floor A in a process of its own, because two versions of isolated-vm do not go together in one: for each line that comes
// in, so many isolates, entered as fast as that goes, with nothing in them and nothing around them. Tells how long each took.
import { createInterface } from "node:readline";
import ivm from "isolated-vm";

for await (const line of createInterface(process.stdin)) {
  const count = Number(line);
  const before = performance.now();
  for (let left = count; left > 0; left--) {
    const fresh = new ivm.Isolate({ memoryLimit: 64 });
    const context = fresh.createContextSync();
    if (context.evalSync("42") !== 42) throw new Error("An isolate cannot count");
    fresh.dispose();
  }
  process.stdout.write(`${(performance.now() - before) / count}\n`);
}
