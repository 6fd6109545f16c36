import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { Codemode, ComponentRegistry, RuntimeContext } from "../client/src/index.ts";
import { decode } from "@codemode/proto/values";
import { startScripted } from "./scripted-executor.ts";

test("get, require and has find variables and secrets", () => {
  const context = new RuntimeContext({ user: "ada", nothing: undefined }, { secrets: { token: "t0p" } });
  expect([context.get("user"), context.get("token"), context.get("other")]).toEqual(["ada", "t0p", undefined]);
  expect([context.has("nothing"), context.has("toString")]).toEqual([true, false]);
  expect(context.require("token")).toBe("t0p");
  expect(() => context.require("other")).toThrow('no "other"');
});

test("secrets show up in no text, and variables do", () => {
  const context = new RuntimeContext({ user: "ada" }, { secrets: { token: "t0p" } });
  const texts = [
    JSON.stringify(context),
    inspect(context, { showHidden: true, depth: 9 }),
    JSON.stringify(Object.assign({}, context)),
  ];
  for (const text of texts) {
    expect(text).toContain("ada");
    expect(text).not.toContain("t0p");
  }
});

test("a context is immutable, also deep down, and with() makes another", () => {
  const variables = { list: [1] };
  const context = new RuntimeContext(variables, { secrets: { token: "t0p" } });
  variables.list.push(2);
  expect(context.variables).toEqual({ list: [1] });
  expect(() => (context.get("list") as number[]).push(3)).toThrow(TypeError);
  const other = context.with({ user: "ada" }, { secrets: { token: "new" } });
  expect([other.get("list"), other.get("user"), other.get("token"), context.get("token")]).toEqual([
    [1],
    "ada",
    "new",
    "t0p",
  ]);
  expect(context.has("user")).toBe(false);
});

test("what is a secret cannot become a variable by mistake", () => {
  expect(() => new RuntimeContext({ token: 1 }, { secrets: { token: 2 } })).toThrow("a variable and a secret");
});

test("setContext, clearContext and runWithContext act on their own asynchronous flow and registry", async () => {
  const [registry, other] = [new ComponentRegistry(), new ComponentRegistry()];
  const seen = await registry.runWithContext(new RuntimeContext({ n: 1 }), async () => {
    await sleep(1);
    registry.setContext(new RuntimeContext({ n: 2 }));
    const inner = registry.runWithContext(new RuntimeContext({ n: 3 }), () => registry.getContext()?.get("n"));
    const now = registry.getContext()?.get("n");
    registry.clearContext();
    return [inner, now, registry.getContext(), other.getContext()];
  });
  expect(seen).toEqual([3, 2, undefined, undefined]);
  expect(registry.getContext()).toBeUndefined();
});

test("100 concurrent runs in 100 contexts: every handler runs in its own, and no program sees another's", async () => {
  const registry = new ComponentRegistry();
  registry.registerTool("whoami", {
    description: "",
    execute: async (_, call) => {
      await sleep(Math.random() * 5);
      return [
        registry.getContext()?.get("n"),
        call.context.get("n"),
        call.context.get("key"),
        registry.getContext()?.get("app"),
      ];
    },
  });
  await using executor = await startScripted(async (peer) => {
    const context = decode(peer.start.context!.data.toString());
    peer.accept();
    const answers = [];
    for (const seq of [1, 2, 3]) {
      peer.call(seq, "whoami");
      const { result } = await peer.answer();
      answers.push(result?.$case === "value" ? decode(result.value.data.toString()) : result);
    }
    peer.finish({ context, answers });
  });
  await using codemode = Codemode.fromClientConfig({
    registry,
    config: { executor: { mode: "remote", url: executor.url } },
  });
  const run = (n: number) => codemode.withContext({ n }, { secrets: { key: `k${n}` } }).execute("…");
  const numbers = Array.from({ length: 100 }, (_, n) => n);
  const outcomes = await registry.runWithContext(new RuntimeContext({ n: -1, app: "demo" }), () =>
    Promise.all(numbers.map(run)),
  );
  expect(outcomes.map(({ value }) => value)).toEqual(
    numbers.map((n) => {
      const answer = [n, n, `k${n}`, "demo"];
      return { context: { n, app: "demo" }, answers: [answer, answer, answer] };
    }),
  );
});
