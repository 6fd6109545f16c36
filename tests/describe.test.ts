import { Codemode, ComponentRegistry, type ToolDefinition } from "@codemode/client";
import { beforeAll, describe, expect, test } from "vitest";
import { estimateTokens } from "../client/src/prompt/tokens.ts";
import { compileJsonSchema } from "../client/src/registry/json-schema.ts";
import { corpus, type CorpusTool, thousands } from "./fixtures/tools/corpus.ts";
import { counts } from "./fixtures/token-counts.ts";
import { diagnose } from "./tsc.ts";

type AnyTool = ToolDefinition<Record<string, unknown> | undefined, Record<string, unknown> | undefined>;

const tool = (more: Partial<AnyTool> = {}): AnyTool => ({ description: "", execute: () => undefined, ...more });
const object = (properties: object, required: readonly string[] = []) => ({ type: "object", properties, required });

/** Two numbers, and what came of them. */
const add = tool({
  description: "Adds two numbers.",
  inputSchema: object({ a: { type: "number", description: "One" }, b: { type: "number" } }, ["a", "b"]),
  outputSchema: { type: "number" },
});

function codemodeWith(tools: Readonly<Record<string, AnyTool>>, agents: readonly string[] = []): Codemode {
  const registry = new ComponentRegistry();
  for (const [name, definition] of Object.entries(tools)) registry.registerTool(name, definition);
  for (const name of agents) registry.registerAgent(name, { description: `Is ${name}`, run: () => "" });
  return Codemode.fromClientConfig({ registry, config: { executor: { mode: "embedded" } } });
}

function registered(tools: readonly CorpusTool[]): Codemode {
  return codemodeWith(Object.fromEntries(tools.map(({ name, ...rest }) => [name, tool(rest)])));
}

test("tools and agents are declared as they are called, with comments and an example", () => {
  const codemode = codemodeWith({ "math.add": add, "look-up": tool(), "math.of-two.max": tool() }, ["writer"]);
  expect(codemode.describe().declarations).toBe(`declare const tools: {
  "look-up"(input?: unknown): Promise<unknown>;
  math: {
    /**
     * Adds two numbers.
     * @example await tools.math.add({ a: 1, b: 1 })
     */
    add(input: {
      /** One */
      a: number;
      b: number;
    }): Promise<number>;
    "of-two": {
      max(input?: unknown): Promise<unknown>;
    };
  };
};
declare const agents: {
  writer: {
    /** Is writer */
    run(input?: unknown): Promise<unknown>;
  };
};`);
});

test("a component that is a namespace as well is declared as both", async () => {
  const codemode = codemodeWith({ github: add, "github.search": tool() }, ["team", "team.writer"]);
  const { declarations } = codemode.describe();
  const calls = [
    "tools.github({ a: 1, b: 2 })",
    "tools.github.search()",
    "agents.team.run()",
    "agents.team.writer.run()",
  ];
  expect([...(await diagnose([declarations, ...calls].join("\n")))]).toEqual([]);
});

test("the one text holds instructions and declarations, and the input is one program", () => {
  const { instructions, declarations, toolDescription, inputSchema, omitted } = codemodeWith({ add }).describe();
  expect(toolDescription).toBe(`${instructions}\n\n\`\`\`ts\n${declarations}\n\`\`\``);
  expect(inputSchema).toMatchObject({ type: "object", properties: { code: { type: "string" } }, required: ["code"] });
  expect(omitted).toBe(0);
  expect(estimateTokens(instructions)).toBeLessThan(350);
});

test("instructions speak of what is there", () => {
  expect(codemodeWith({ add }).describe().instructions).not.toContain("agents.");
  expect(codemodeWith({}, ["writer"]).describe().instructions).not.toContain("await tools.");
  expect(codemodeWith({ add }).describe().instructions).not.toContain("$search");
  expect(codemodeWith({ add }).describe({ budgetTokens: 0 }).instructions).toContain("$search");
});

test("only what is asked for is described, and what is not registered is an error", () => {
  const codemode = codemodeWith({ add, other: add }, ["writer"]);
  const { declarations } = codemode.describe({ tools: ["add", "add"], agents: [] });
  expect(declarations).toMatch(/^ {2}add\(/m);
  expect(declarations).not.toMatch(/other|agents/);
  expect(() => codemode.describe({ tools: ["nope"] })).toThrow('There is no tool "nope"');
  expect(() => codemode.describe({ budgetTokens: Number.NaN })).toThrow("budgetTokens NaN is no number");
});

test("a component more changes nothing before its place, and a description is the same twice", () => {
  const node = { $ref: "#/$defs/Node", $defs: { Node: object({ next: { $ref: "#/$defs/Node" } }) } };
  const tools = { a: tool({ inputSchema: node }), "c.b": add, d: tool({ inputSchema: node }) };
  const before = codemodeWith(tools).describe().declarations;
  const { declarations } = codemodeWith({ "c.z": tool(), ...tools }).describe();
  expect(declarations.replace("    z(input?: unknown): Promise<unknown>;\n", "")).toBe(before);
  const names = Object.keys(tools).toReversed() as (keyof typeof tools)[];
  expect(codemodeWith(Object.fromEntries(names.map((name) => [name, tools[name]]))).describe().declarations).toBe(
    before,
  );
});

test("types that hold themselves have names of their own", async () => {
  const tree = object({ value: { type: "string" }, children: { type: "array", items: { $ref: "#" } } }, ["value"]);
  const tools = {
    "a.b": tool({ inputSchema: tree }),
    a_b: tool({ inputSchema: tree, outputSchema: tree }),
    aBResult: tool({ inputSchema: tree }),
  };
  const { declarations } = codemodeWith(tools).describe();
  const right = 'tools.a_b({ value: "x", children: [{ value: "y", children: [] }] });';
  const found = await diagnose(`${declarations}\n${right}\ntools.a.b({ value: "x", children: [{ value: 1 }] });`);
  expect([...found.keys()]).toEqual([declarations.split("\n").length + 2]);
});

describe("over the budget", () => {
  const tools = Object.fromEntries(
    corpus()
      .slice(0, 60)
      .map(({ name, ...rest }) => [name, tool(rest)]),
  );
  const codemode = codemodeWith(tools);

  test("signatures go without comments, then names alone are told", () => {
    const [whole, bare, names] = [20_000, 3_500, 1_000].map((budgetTokens) => codemode.describe({ budgetTokens }));
    expect([whole?.omitted, bare?.omitted, names?.omitted]).toEqual([0, 0, 60]);
    expect(whole?.declarations).toContain("/**");
    expect(bare?.declarations).not.toContain("/*");
    expect(bare?.declarations).toContain("read_file(input: { path: string");
    expect(names?.declarations).toMatch(/^\/\/ tools\.filesystem \(14\): create_directory, /m);
  });

  test("no budget is overrun but by the instructions", () => {
    const least = estimateTokens(codemode.describe({ budgetTokens: 0 }).toolDescription);
    for (let budgetTokens = least; budgetTokens < 16_000; budgetTokens = Math.ceil(budgetTokens * 1.15)) {
      expect(estimateTokens(codemode.describe({ budgetTokens }).toolDescription)).toBeLessThanOrEqual(budgetTokens);
    }
  });

  test("of thousands, namespaces with their numbers are told in as much room as there is", () => {
    const many = registered(thousands(5_000));
    for (const budgetTokens of [500, 800, 2_000, 10_000]) {
      const { toolDescription, omitted } = many.describe({ budgetTokens });
      expect(omitted).toBe(5_000);
      expect(estimateTokens(toolDescription)).toBeLessThanOrEqual(budgetTokens);
      expect(toolDescription).toContain("tools.$search(");
    }
    expect(many.describe({ budgetTokens: 2_000 }).declarations).toMatch(
      /^\/\/ tools\.billing\.invoices \(11\)|^\/\/ tools\.billing: 110/m,
    );
  });
});

describe("for 1,470 public tools", () => {
  const all = corpus();
  let lines: string[] = [];
  beforeAll(() => {
    lines = registered(all).describe({ budgetTokens: 1e9 }).declarations.split("\n");
  });

  test("all declarations and examples compile", async () => {
    const examples = lines.flatMap((line) => /@example await (.*?)(?: \*\/)?$/.exec(line)?.[1] ?? []);
    expect(examples.length).toBeGreaterThan(1_300);
    const found = await diagnose(
      [...lines, ...examples.map((call) => `void ${call.replaceAll("*\\/", "*/")};`)].join("\n"),
    );
    expect([...found].map(([at, error]) => `${[...lines, ...examples][at - 1]}: ${error}`)).toEqual([]);
  });

  test("all examples are what their schemas accept", () => {
    const inputs = new Map<string, unknown>();
    const record =
      (name: string) =>
      (input: unknown = {}) =>
        void inputs.set(name, input);
    const names = all.map(({ name }) => name);
    for (const line of lines) {
      const [, access, call] = /@example await (tools[^(]*)\((.*)\)(?: \*\/)?$/.exec(line) ?? [];
      if (access === undefined) continue;
      const name = access
        .slice("tools".length)
        .replaceAll(/\["([^"]+)"\]|\.([\w$]+)/g, ".$1$2")
        .slice(1);
      // oxlint-disable-next-line typescript/no-implied-eval -- a test of text that is code
      record(name)(new Function(`return (${call || "{}"})`)());
    }
    const refused = all.filter(
      ({ name, inputSchema }) => inputs.has(name) && !compileJsonSchema(inputSchema).check(inputs.get(name)).ok,
    );
    expect(refused.map(({ name }) => name)).toEqual([]);
    expect(inputs.size).toBeGreaterThan(names.length * 0.95);
  });
});

test.for<readonly [what: string, schema: object, examples: readonly unknown[], call: string | undefined]>([
  ["the app's own", object({ q: { type: "string" } }, ["q"]), [{ q: 7 }, { q: "cats" }], 'tools.x({ q: "cats" })'],
  [
    "the schema's own",
    { ...object({ q: { type: "string" } }), examples: [{ q: "dogs" }] },
    [],
    'tools.x({ q: "dogs" })',
  ],
  [
    "made of formats and bounds",
    object({ at: { type: "string", format: "date" }, n: { type: "integer", minimum: 3 } }, ["at", "n"]),
    [],
    'tools.x({ at: "2026-01-31", n: 3 })',
  ],
  [
    "of a choice",
    object({ by: { oneOf: [{ type: "null" }, { enum: ["name"] }] } }, ["by"]),
    [],
    'tools.x({ by: "name" })',
  ],
  [
    "none where a pattern decides",
    object({ id: { type: "string", pattern: "^[a-z]{3}-\\d+$" } }, ["id"]),
    [],
    undefined,
  ],
  [
    "a pattern's own example is not trusted",
    object({ id: { type: "string", pattern: "^(a+)+$" } }, ["id"]),
    [{ id: `${"a".repeat(50)}!` }],
    undefined,
  ],
  ["left out where nothing is required", object({ q: { type: "string" } }), [], "tools.x()"],
])("an example is %s", ([, inputSchema, inputExamples, call]) => {
  const codemode = codemodeWith({ x: tool({ inputSchema: inputSchema as Record<string, unknown>, inputExamples }) });
  expect(/@example await (.*?)(?: \*\/)?$/m.exec(codemode.describe().declarations)?.[1]).toBe(call);
});

test.for(counts)("%s: tokens are estimated rather too many than too few", ([, text, o200k, cl100k]) => {
  const estimated = estimateTokens(text);
  expect(estimated).toBeGreaterThanOrEqual(Math.max(o200k, cl100k));
  expect(estimated).toBeLessThanOrEqual(Math.max(o200k, cl100k) * 1.8);
});
