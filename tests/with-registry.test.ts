import { afterAll, expect, test } from "vitest";
import { Codemode, ComponentRegistry, RuntimeContext } from "@codemode/client";
import { type Fixture, startInProcess } from "./executor-fixture.ts";

const executor: Fixture = await startInProcess();
const config = { executor: { mode: "remote", url: executor.executor.address } } as const;
afterAll(() => executor[Symbol.asyncDispose]());

/** A registry with one tool, which tells whose it is and in what context it was called. */
function registryOf(owner: string, name = "who"): ComponentRegistry {
  return new ComponentRegistry().registerTool(name, {
    description: "",
    execute: (_input, { context }) => `${owner} ${context.get<string>("user") ?? "nobody"}`,
  });
}

test("runs of a view have its registry's components, and those of the client its own", async () => {
  await using codemode = Codemode.fromClientConfig({ registry: registryOf("own"), config });
  const other = codemode.withRegistry(registryOf("other"));
  const outcomes = await Promise.all([codemode, other].map((view) => view.execute("return await tools.who()")));
  expect(outcomes.map(({ value }) => value)).toEqual(["own nobody", "other nobody"]);
  const elsewhere = await codemode.withRegistry(registryOf("other", "else")).execute("return await tools.who()");
  expect(elsewhere.error).toMatchObject({ type: "UnknownTool" });
});

test("a view has its registry's context, under that of withContext", async () => {
  const [own, other] = [registryOf("own"), registryOf("other")];
  await using codemode = Codemode.fromClientConfig({ registry: own, config });
  const ask = (view: Codemode) => view.execute("return [await tools.who(), context.user, context.team]");
  const seen = await own.runWithContext(new RuntimeContext({ user: "ada" }), () =>
    other.runWithContext(new RuntimeContext({ user: "bob", team: "b" }), () =>
      Promise.all([
        ask(codemode),
        ask(codemode.withRegistry(other)),
        ask(codemode.withContext({ user: "eve" }).withRegistry(other)),
      ]),
    ),
  );
  expect(seen.map(({ value }) => value)).toEqual([
    ["own ada", "ada", undefined],
    ["other bob", "bob", "b"],
    ["other eve", "eve", "b"],
  ]);
});

test("a handler of a view may start the runs that it needs while the client closes", async () => {
  await using codemode = Codemode.fromClientConfig({ config });
  const [begun, closing] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const registry = new ComponentRegistry().registerTool("nested", {
    description: "",
    execute: async () => {
      begun.resolve();
      await closing.promise;
      return (await codemode.execute("return 20")).unwrap();
    },
  });
  const outer = codemode.withRegistry(registry).execute("return 1 + await tools.nested()");
  await begun.promise;
  const closed = codemode.close({ wait: true });
  closing.resolve();
  expect((await outer).unwrap()).toBe(21);
  await closed;
});
