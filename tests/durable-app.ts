// An app that runs one program with a journal in a file, and ends itself by SIGKILL at an exact point of it.
import { appendFileSync } from "node:fs";
import { once } from "node:events";
import { type CallRow, Codemode, ComponentRegistry, SqliteStore } from "../client/src/index.ts";

/** `<before|after> put <seq> <state>`, `in <seq>` for a handler, `before finish`, `never`. */
const {
  file = "",
  effects = "",
  url = "",
  point = "never",
  code = "",
  idempotent,
  waits,
} = JSON.parse(process.argv[2] ?? "{}") as Record<string, string>;

function passes(here: string): void {
  if (here === point) process.kill(process.pid, "SIGKILL");
}

class DeadlyStore extends SqliteStore {
  override async put(executionId: string, fence: number, call: CallRow): Promise<void> {
    passes(`before put ${call.seq} ${call.state}`);
    await super.put(executionId, fence, call);
    passes(`after put ${call.seq} ${call.state}`);
  }

  override async finish(executionId: string, fence: number, outcome: string): Promise<void> {
    passes("before finish");
    await super.finish(executionId, fence, outcome);
  }
}

const registry = new ComponentRegistry();
registry.registerTool("work", {
  description: "Works",
  idempotent: idempotent === "yes",
  execute: async ({ n }, { seq, idempotencyKey }) => {
    appendFileSync(effects, `${idempotencyKey}\n`);
    passes(`in ${seq}`);
    if (waits === "yes") {
      process.stdout.write("waiting\n");
      await once(process.stdin, "data");
    }
    return (n as number) * 10;
  },
});
await using store = new DeadlyStore(file);
await using codemode = Codemode.fromClientConfig({
  registry,
  store,
  leaseMs: 300,
  config: { executor: url ? { mode: "remote", url } : { mode: "embedded", workers: 1 } },
});
const outcome = await codemode.withContext({ who: "acme" }).execute(code, { executionId: "run" });
process.stdout.write(`${JSON.stringify(outcome)}\n`);
process.stdin.destroy();
