// An isolate whose host was careless: runs the program of its argument beside objects of isolated-vm, and prints its value.
import { createRequire } from "node:module";

const ivm = createRequire(new URL("../../executor/package.json", import.meta.url))("isolated-vm");
const context = new ivm.Isolate({ memoryLimit: 32 }).createContextSync();
context.global.setSync("callback", new ivm.Callback(() => 1));
context.global.setSync("reference", new ivm.Reference({}));
context.global.setSync("external", new ivm.ExternalCopy({}));
process.stdout.write(context.evalSync(process.argv[2]), () => process.kill(process.pid, "SIGKILL"));
