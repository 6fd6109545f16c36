import { expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import {
  ComponentAlreadyExistsError,
  ComponentRegistry,
  functionTools,
  openApiTools,
  RegistryError,
} from "../client/src/index.ts";
import { call, callInfo, callTool, inputOf, namesOf } from "./source-fixture.ts";

const add = {
  description: "Adds",
  inputSchema: z.object({ a: z.number(), b: z.number() }),
  execute: ({ a, b }: { a: number; b: number }) => a + b,
};

test("register() takes a definition of ours, a function, an instance and an agent", async () => {
  class Counter {
    readonly step = 2;
    execute() {
      return this.step;
    }
  }
  const registry = new ComponentRegistry()
    .register("add", add)
    .register("twice", (input: { n: number }) => input.n * 2)
    .register("count", new Counter())
    .register("writer", { description: "Writes", run: (input: unknown) => ({ wrote: input }) });
  expect(await callTool(registry, "add", { a: 1, b: 2 })).toBe(3);
  expect(await callTool(registry, "twice", { n: 2 })).toBe(4);
  expect(await callTool(registry, "count")).toBe(2);
  expect(await call(registry.getAgent("writer"), 1)).toEqual({ wrote: 1 });
});

test("registerAll() takes a record, waits for a promise of one, and puts a namespace before the names", async () => {
  const registry = new ComponentRegistry();
  using all = await registry.registerAll(Promise.resolve({ add, "get-it": () => 1 }), { namespace: "math" });
  expect(all.names).toEqual(["math.add", "math.get-it"]);
  expect(namesOf(registry)).toEqual(["math.add", "math.get-it"]);
});

test("in an array what has a name is called by it, and what has none is refused", async () => {
  const registry = new ComponentRegistry();
  function double({ n }: { n: number }) {
    return n * 2;
  }
  using all = await registry.registerAll([{ name: "half", description: "", execute: () => 0.5 }, double]);
  expect(all.names).toEqual(["half", "double"]);
  await expect(registry.registerAll([add])).rejects.toThrow("nothing says its name");
  await expect(registry.registerAll([{ ...add, strict: true }])).rejects.toThrow("nothing says its name");
});

test("register() knows the type of the input by the schema", () => {
  new ComponentRegistry().register("add", {
    description: "",
    inputSchema: z.object({ a: z.number() }),
    execute: (input, info) => {
      expectTypeOf(input).toEqualTypeOf<{ a: number }>();
      expectTypeOf(info.signal).toEqualTypeOf<AbortSignal>();
      return input.a;
    },
  });
});

test("a registration that is disposed of takes away what it had, and nothing that came after it", async () => {
  const registry = new ComponentRegistry();
  const all = await registry.registerAll({ add, sub: add });
  registry.register("sub", add, { overwrite: true });
  all[Symbol.dispose]();
  all[Symbol.dispose]();
  expect([namesOf(registry), all.names]).toEqual([["sub"], []]);
});

test("a streaming tool of ours keeps its stream", async () => {
  const ticks = {
    description: "",
    async *execute() {
      yield 1;
    },
  };
  const registry = new ComponentRegistry();
  await registry.registerAll({ ticks });
  const stream = registry.getTool("ticks").handle(undefined, callInfo()) as AsyncIterable<number>;
  expect(await Array.fromAsync(stream)).toEqual([1]);
});

test("of a source that collides nothing is registered, and the error names both origins", async () => {
  const registry = new ComponentRegistry().registerTool("add", add);
  const petstore = { openapi: "3.1.0", info: { title: "Pets" }, servers: [{ url: "https://x.test" }] };
  const tools = openApiTools({
    ...petstore,
    paths: { "/a": { get: { operationId: "first" } }, "/b": { get: { operationId: "add" } } },
  });
  const registering = registry.registerAll(tools);
  await expect(registering).rejects.toThrow(ComponentAlreadyExistsError);
  await expect(registering).rejects.toThrow(
    'Cannot register tool "add" (the OpenAPI document "Pets"): it is registered already (registerTool())',
  );
  expect(namesOf(registry)).toEqual(["add"]);
  using all = await registry.registerAll(tools, { overwrite: true });
  expect([all.names, registry.getTool("add").origin]).toEqual([["first", "add"], 'the OpenAPI document "Pets"']);
});

test("two names that a program cannot tell apart are refused within one source as well", async () => {
  const registry = new ComponentRegistry();
  await expect(registry.registerAll({ x: add, "x.run": add })).rejects.toThrow(/calls "x" as tools\.x\.run\(\) too/);
  await expect(registry.registerAll({ a: add, "no way": add })).rejects.toThrow(/a name is made of letters/);
  expect(namesOf(registry)).toEqual([]);
});

test.each([
  ["null", { x: null }, "it is null"],
  ["a text", { x: "y" }, "it is a string"],
  ["an empty object", { x: {} }, "it has no execute(), run(), generate() or invoke() function"],
  ["a class", { x: ComponentRegistry }, "it is a class; register an instance"],
  ["one tool for many", add, "register(name, …) takes it"],
  ["a namespace that cannot be", { x: add }, "in namespace", "then"],
])("%s is refused", async (_, source, message, namespace?: string) => {
  const registering = new ComponentRegistry().registerAll(source, namespace === undefined ? {} : { namespace });
  await expect(registering).rejects.toThrow(RegistryError);
  await expect(registering).rejects.toThrow(message);
});

const weather = {
  name: "get_weather",
  description: "Weather",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

test.each([
  ["chat", { type: "function", function: weather }],
  ["responses", { type: "function", ...weather, strict: true }],
])("function schemas of OpenAI, as the %s API has them, get their handlers", async (_, schema) => {
  const registry = new ComponentRegistry();
  await registry.registerAll(
    functionTools([schema], { get_weather: ({ city }: { city: string }) => `sunny in ${city}` }),
  );
  expect(inputOf(registry, "get_weather")).toEqual(weather.parameters);
  expect(await callTool(registry, "get_weather", { city: "Bonn" })).toBe("sunny in Bonn");
  await expect(callTool(registry, "get_weather", {})).rejects.toThrow("Input: city: missing");
  expect(() => functionTools([schema], {})).toThrow('there is no handler "get_weather"');
  expect(() => functionTools([], { other: () => 1 })).toThrow('there is no schema "other"');
  const proto = functionTools([{ type: "function", name: "__proto__" }], { ["__proto__"]: () => 1 });
  expect(Object.keys(proto)).toEqual(["__proto__"]);
  await expect(registry.registerAll([schema])).rejects.toThrow("functionTools(schemas, handlers)");
});

test("an Anthropic tool is run with what it parses, and blocks of text are that text", async () => {
  const tool = {
    name: "shout",
    description: "Shouts",
    input_schema: { type: "object", properties: { text: { type: "string" } } },
    parse: (input: unknown) => input,
    run: ({ text }: { text: string }) => [{ type: "text", text: text.toUpperCase() }],
  };
  const registry = new ComponentRegistry();
  await registry.registerAll([tool]);
  expect(await callTool(registry, "shout", { text: "a" })).toBe("A");
});
