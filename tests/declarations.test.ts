import { asList, asRecord, printType, type TypeOptions } from "@codemode/proto/discovery";
import { constantFrom, sample } from "fast-check";
import { compile } from "json-schema-to-typescript";
import { expect, test } from "vitest";
import { compileJsonSchema } from "../client/src/registry/json-schema.ts";
import { corpus } from "./fixtures/tools/corpus.ts";
import { mutants, sayable, valuesOf } from "./fixtures/tools/values.ts";
import { diagnose } from "./tsc.ts";

const ROOM = { maxLength: 12_000, maxDepth: 12, docs: true };
const tools = corpus();

/** Types and calls of one compilation; each call is on a line of its own. */
class Batch {
  readonly lines: string[] = ["declare function take<T>(value: T): void;"];
  readonly #expected = new Map<number, { isRight: boolean; why: string }>();

  type(name: string, schema: unknown, options: TypeOptions): void {
    const { type, named } = printType(schema, options, "Root");
    this.lines.push(`type ${name} = ${type};\n${named.join("\n")}`);
  }

  expect(line: string, isRight: boolean, why: string): void {
    this.lines.push(line);
    this.#expected.set(this.lines.length, { isRight, why });
  }

  async check(): Promise<{ right: number; wrong: number; surprises: string[] }> {
    const starts: number[] = [];
    let line = 1;
    for (const text of this.lines) {
      starts.push(line);
      line += text.split("\n").length;
    }
    const found = await diagnose(this.lines.join("\n"));
    const surprises: string[] = [];
    const counts = { right: 0, wrong: 0 };
    for (const [index, { isRight, why }] of this.#expected) {
      counts[isRight ? "right" : "wrong"] += 1;
      const error = found.get(starts[index - 1] as number);
      if (isRight === (error === undefined)) continue;
      surprises.push(`${why} ${error ?? "compiles"}: ${this.lines[index - 1]}`);
    }
    const calls = new Set([...this.#expected.keys()].map((index) => starts[index - 1]));
    for (const [at, error] of found) if (!calls.has(at)) surprises.push(`declaration, line ${at}: ${error}`);
    return { ...counts, surprises };
  }
}

test("the types of 1,470 public tools accept the inputs that their schemas accept, and no others that a type can tell", async () => {
  const batch = new Batch();
  let tried = 0;
  for (const [at, { name, inputSchema }] of tools.entries()) {
    batch.type(`T${at}`, inputSchema, { ...ROOM, open: true, prefix: `T${at}` });
    batch.type(`C${at}`, inputSchema, { ...ROOM, open: false, prefix: `C${at}` });
    const check = compileJsonSchema(inputSchema).check;
    const isSayable = compileJsonSchema(sayable(inputSchema) as never).check;
    const values = sample(valuesOf(inputSchema), { numRuns: 4, seed: at }).filter((value) => check(value).ok);
    if (values.length > 0) tried += 1;
    for (const value of values.slice(0, 2)) {
      batch.expect(`take<T${at}>(${JSON.stringify(value)});`, true, `${name} accepts it`);
      batch.expect(`take<C${at}>(${JSON.stringify(value)});`, true, `${name} accepts it`);
    }
    const others = values.slice(0, 1).flatMap((value) => [...mutants(value)]);
    for (const other of sample(constantFrom(...others, null), { numRuns: 4, seed: at })) {
      const isRight = isSayable(other).ok;
      batch.expect(`take<T${at}>(${JSON.stringify(other)});`, isRight, `${name} ${isRight ? "accepts" : "refuses"} it`);
    }
    const [value] = values;
    if (typeof value === "object" && value !== null && isPlain(inputSchema)) {
      const more = JSON.stringify({ ...value, zzUnknown: 1 });
      const isOpen = check({ ...value, zzUnknown: 1 }).ok;
      batch.expect(`take<T${at}>(${more});`, isOpen, `${name} ${isOpen ? "accepts" : "refuses"} it`);
      if (inputSchema["additionalProperties"] === undefined)
        batch.expect(`take<C${at}>(${more});`, false, `${name} names none`);
    }
  }
  const { right, wrong, surprises } = await batch.check();
  expect(surprises.slice(0, 10)).toEqual([]);
  expect(tried).toBeGreaterThan(1_400);
  expect(right).toBeGreaterThan(3_000);
  expect(wrong).toBeGreaterThan(3_000);
});

/** An object of its own, whose unknown members no other schema speaks of. */
function isPlain(schema: Readonly<Record<string, unknown>>): boolean {
  return (
    schema["type"] === "object" &&
    !["anyOf", "oneOf", "allOf", "$ref", "patternProperties"].some((keyword) => keyword in schema)
  );
}

/** What it does not know, makes many types of, or takes for an object with any members: an empty one that is closed. */
const beyond = /"(nullable|const|\$ref|prefixItems|patternProperties)":|"properties":\{\}/;

/** It forgets members that are required where they are not described. */
function isForgotten(schema: unknown): boolean {
  const { required, properties } = asRecord(schema);
  const isHere = asList(required).some((name) => !Object.hasOwn(asRecord(properties), name as string));
  return isHere || (typeof schema === "object" && schema !== null && Object.values(schema).some(isForgotten));
}

test("json-schema-to-typescript makes the same types where both can", async () => {
  const batch = new Batch();
  batch.lines.push("type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;");
  const known = tools.filter(
    ({ inputSchema }) => !beyond.test(JSON.stringify(inputSchema)) && !isForgotten(inputSchema),
  );
  const every = known.filter((_, at) => at % 3 === 0);
  for (const [at, { name, inputSchema }] of every.entries()) {
    batch.type(`T${at}`, inputSchema, { ...ROOM, open: true, prefix: `T${at}` });
    const options = {
      bannerComment: "",
      format: false,
      ignoreMinAndMaxItems: true,
      $refOptions: { resolve: { external: false } },
    };
    batch.lines.push(`namespace J${at} {\n${await compile(structuredClone(inputSchema), "Root", options)}\n}`);
    batch.expect(`const s${at}: Same<T${at}, J${at}.Root> = true;`, true, name);
  }
  const { right, surprises } = await batch.check();
  expect(surprises).toEqual([]);
  expect(right).toBeGreaterThan(300);
});
