import { expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import {
  ComponentAlreadyExistsError,
  ComponentNotFoundError,
  ComponentRegistry,
  RegistryError,
} from "../client/src/index.ts";

const tool = { description: "Does nothing", execute: () => null };
const agent = { description: "Thinks", run: () => "thought" };

test("a tool may not be called as another one's run", () => {
  const tool = { description: "", execute: () => 1 };
  const taken = /"x" as tools\.x\.run\(\) too/;
  expect(() => new ComponentRegistry().registerTool("x", tool).registerTool("x.run", tool)).toThrow(taken);
  expect(() => new ComponentRegistry().registerTool("x.run", tool).registerTool("x", tool)).toThrow(taken);
});

test("a registry lists, finds and forgets its tools and agents", () => {
  const registry = new ComponentRegistry().registerTool("a", tool).registerTool("ns.b", tool).registerAgent("a", agent);
  expect(registry.listTools().map(({ name }) => name)).toEqual(["a", "ns.b"]);
  expect(registry.getAgent("a")).toMatchObject({ kind: "agent", description: "Thinks" });
  expect(registry.unregisterTool("a")).toBe(true);
  expect(registry.unregisterTool("a")).toBe(false);
  expect(() => registry.getTool("a")).toThrow(ComponentNotFoundError);
  registry.clear();
  expect([...registry.listTools(), ...registry.listAgents()]).toEqual([]);
});

test("the same choice of tools is the same set, as long as none changes; of many choices the last are kept", () => {
  const registry = new ComponentRegistry();
  const names = Array.from({ length: 100 }, (_, index) => `tool_${index}`);
  for (const name of names) registry.registerTool(name, tool);
  const first = registry.choose(["tool_1", "tool_0"], undefined);
  expect([...first.tools.keys()]).toEqual(["tool_1", "tool_0"]);
  expect(registry.choose(["tool_1", "tool_0"], undefined)).toBe(first);
  expect(registry.choose(["tool_1", "tool_0"], [])).not.toBe(first);
  expect(registry.choose(["tool_0", "tool_1"], undefined)).not.toBe(first);
  for (const name of names) {
    registry.choose([name], undefined);
    expect(registry.choose(["tool_1", "tool_0"], undefined)).toBe(first); // it is used
  }
  const [old, young] = [registry.choose(["tool_0"], undefined), registry.choose(["tool_99"], undefined)];
  for (const name of names.slice(1, 32)) registry.choose([name], undefined);
  expect(registry.choose(["tool_99"], undefined)).toBe(young);
  expect(registry.choose(["tool_0"], undefined)).not.toBe(old);
  registry.unregisterTool("tool_2");
  expect(registry.choose(["tool_1", "tool_0"], undefined)).not.toBe(first);
  expect(() => registry.choose(["tool_2"], undefined)).toThrow(/There is no tool "tool_2"/);
});

test("a name that is taken is refused, unless overwrite says so", () => {
  const registry = new ComponentRegistry().registerTool("a", tool);
  expect(() => registry.registerTool("a", tool)).toThrow(ComponentAlreadyExistsError);
  registry.registerTool("a", { ...tool, description: "New" }, { overwrite: true });
  expect(registry.getTool("a").description).toBe("New");
});

test.each([
  ["", "empty"],
  ["then", "promise"],
  ["a.constructor", "every object has one"],
  ["__proto__", "prototype"],
  ["prototype", "every function"],
  ["$search", "kept for Codemode"],
  ["a b", "letters"],
  ["a..b", "letters"],
  ["-a", "letters"],
  ["a".repeat(129), "129 characters"],
])("the name %j is refused with its reason", (name, reason) => {
  expect(() => new ComponentRegistry().registerTool(name, tool)).toThrow(reason);
  expect(() => new ComponentRegistry().registerAgent(name, agent)).toThrow(RegistryError);
});

test.each(["a", "_a", "9", "get-user", "crm.users.get", "a$b", "a".repeat(128)])("the name %j is fine", (name) => {
  expect(new ComponentRegistry().registerTool(name, tool).getTool(name).name).toBe(name);
});

test("a tool without a handler is refused", () => {
  const broken = { description: "" } as unknown as typeof tool;
  expect(() => new ComponentRegistry().registerTool("a", broken)).toThrow("it has no execute() function");
});

test("a handler that is a method keeps its this", () => {
  class Counter {
    readonly description = "";
    readonly step = 2;
    execute() {
      return this.step;
    }
  }
  const registry = new ComponentRegistry().registerTool("count", new Counter());
  expect(registry.getTool("count").handle(undefined, {} as never)).toBe(2);
});

test("the type of the input comes from the schema", () => {
  new ComponentRegistry().registerTool("add", {
    description: "",
    inputSchema: z.object({ a: z.number(), at: z.string().transform((text) => new Date(text)) }),
    execute: ({ a, at }, call) => {
      expectTypeOf(a).toEqualTypeOf<number>();
      expectTypeOf(at).toEqualTypeOf<Date>();
      expectTypeOf(call.signal).toEqualTypeOf<AbortSignal>();
      return a;
    },
  });
});
