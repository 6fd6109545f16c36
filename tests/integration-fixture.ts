import { Codemode, ComponentRegistry } from "@codemode/client";
import { afterAll } from "vitest";
import { z } from "zod";
import { startInProcess } from "./executor-fixture.ts";

/** A Codemode with an executor of its own, until the tests of the file are over. */
export async function startCodemode(registry = new ComponentRegistry()): Promise<Codemode> {
  const executor = await startInProcess();
  const config = { executor: { mode: "remote", url: executor.executor.address } } as const;
  const codemode = Codemode.fromClientConfig({ registry, config });
  afterAll(async () => {
    await codemode.close();
    await executor[Symbol.asyncDispose]();
  });
  return codemode;
}

/** One whose programs may call `tools.add({ a, b })`. */
export function startAdder(): Promise<Codemode> {
  return startCodemode(
    new ComponentRegistry().registerTool("add", {
      description: "Adds two numbers",
      inputSchema: z.object({ a: z.number(), b: z.number() }),
      execute: ({ a, b }) => a + b,
    }),
  );
}
