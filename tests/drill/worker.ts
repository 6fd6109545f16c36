// A worker whose isolate is broken: what it is given to run has all the rights of its process.
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { ValueEncoding } from "@codemode/proto/messages";
import { encode } from "@codemode/proto/values";
import { Channel } from "../../executor/src/worker/channel.ts";
import { giveUpRights } from "../../executor/src/worker/rights.ts";

const { values: settings } = parseArgs({ strict: false });
const channel = new Channel();
const require = createRequire(import.meta.url);
const AsyncFunction = (async () => {}).constructor as FunctionConstructor;

giveUpRights(settings["uid"] === undefined ? undefined : Number(settings["uid"]));
channel.write({ $case: "ready", value: {} });
for (;;) {
  const request = channel.read()?.request;
  if (request?.$case === "manifest") continue;
  if (request?.$case !== "run") break;
  const { code } = request.value;
  const value = await AsyncFunction(
    "require",
    code,
  )(require).catch((error: NodeJS.ErrnoException) => {
    return { denied: error.code ?? error.message };
  });
  const result = { encoding: ValueEncoding.VALUE_ENCODING_EXACT, data: Buffer.from(encode(value)) };
  channel.write({
    $case: "done",
    value: { result: { $case: "value", value: result }, truncation: undefined, warnings: [], heapBytes: 0n, cpuUs: 0n },
  });
  channel.write({ $case: "clean", value: {} });
  channel.write({ $case: "ready", value: {} });
}
process.kill(process.pid, "SIGKILL");
