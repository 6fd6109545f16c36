import { Codemode, ComponentRegistry, type JournalDocument } from "../client/src/index.ts";
import { startInProcess } from "./executor-fixture.ts";

const CODE = `
  const slow = tools.never({});
  slow.catch(() => {});
  const [a, b] = await Promise.all([tools.get({ key: "a" }), tools.get({ key: "b" })]);
  const c = await tools.get({ key: "none" }).catch((error) => error.code);
  await new Promise((resolve) => setTimeout(resolve, 1));
  console.log("got", a, b);
  return { a, b, c, dice: Math.random(), at: Date.now(), who: context.who };
`;

/** A client with tools, and a run of it that was recorded. */
export async function recorded(code = CODE) {
  const executor = await startInProcess();
  const calls: string[] = [];
  const registry = new ComponentRegistry();
  registry.registerTool("get", {
    description: "Gets",
    execute: ({ key }) => {
      calls.push(key as string);
      if (key === "none") throw Object.assign(new Error("there is none"), { code: "E_NONE" });
      return new Map([[key, new Date(5)]]);
    },
  });
  registry.registerTool("never", { description: "Never answers", execute: () => new Promise(() => {}) });
  const config = { executor: { mode: "remote", url: executor.executor.address } } as const;
  const made = Codemode.fromClientConfig({ registry, config });
  const outcome = await made.withContext({ who: "acme" }).execute(code, { executionId: "run" });
  const document = JSON.parse(JSON.stringify(await made.journal("run"))) as JournalDocument;
  calls.length = 0;
  const codemode = Codemode.fromClientConfig({ config }); // it has no tools
  return {
    outcome,
    document,
    calls,
    codemode,
    url: executor.executor.address,
    async [Symbol.asyncDispose]() {
      await Promise.all([made.close(), codemode.close()]);
      await executor[Symbol.asyncDispose]();
    },
  };
}

/** Where something stands in a document. */
export type Path = readonly (string | number)[];

/** Put in the place of something, takes it away. */
export const GONE = Symbol("gone");

/** `document` with what stands at `path` changed; `GONE` for nothing. */
export function changed(document: unknown, path: Path, change: (before: unknown) => unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return change(document);
  const copy = structuredClone(document) as Record<string | number, unknown>;
  const after = changed(copy[key], rest, change);
  if (after !== GONE) copy[key] = after;
  else if (Array.isArray(copy)) copy.splice(Number(key), 1);
  else delete copy[key];
  return copy;
}
