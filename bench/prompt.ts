// What it takes to tell a model of thousands of tools, to find one of them, and to check a program against them.
// `node bench/prompt.ts [tools]`
import { Codemode, ComponentRegistry, type DescribeOptions } from "@codemode/client";
import { thousands } from "../tests/fixtures/tools/corpus.ts";
import { queries, type Query, unseen } from "../tests/fixtures/tools/queries.ts";

const count = Number(process.argv[2] ?? 5_000);
const registry = new ComponentRegistry();
for (const { name, ...tool } of thousands(count)) registry.registerTool(name, { ...tool, execute: () => null });
await using codemode = Codemode.fromClientConfig({ registry });

/** CPU time of this process and wall time, in milliseconds. */
async function timed<T>(what: string, body: () => T | Promise<T>): Promise<T> {
  const [cpu, wall] = [process.cpuUsage(), performance.now()];
  const value = await body();
  const { user, system } = process.cpuUsage(cpu);
  console.log(`${what}: ${((user + system) / 1000).toFixed(0)} ms CPU, ${(performance.now() - wall).toFixed(0)} ms`);
  return value;
}

const describe = (options: DescribeOptions) => () => codemode.describe(options);
await timed(`describe ${count} tools within 10,000 tokens, for the first time`, describe({}));
await timed("  again", describe({}));
const all = await timed("describe all of them, whatever it takes", describe({ budgetTokens: 1e9 }));
console.log(`  ${all.declarations.length} characters, ${all.omitted} left out`);
await timed("  again", describe({ budgetTokens: 1e9 }));
await timed("search for the first time", () => codemode.search("merge a pull request"));
await timed("  50 questions", () => queries.forEach(([query]) => codemode.search(query)));

const right = (asked: readonly Query[]) =>
  asked.filter(([query, ...names]) => codemode.search(query, { limit: 5 }).some(({ name }) => names.includes(name)));
console.log(`  the right tool among the first five: ${right(queries).length} of ${queries.length}`);
console.log(`  of questions that nothing was changed for: ${right(unseen).length} of ${unseen.length}`);

const cpuMs = async (code: string) => (await codemode.execute(code)).usage.cpuMs;
await cpuMs("return 1");
const [none, once, ten] = [
  await cpuMs("return 1"),
  await cpuMs("return tools.$search('merge a pull request')[0].name"),
  await cpuMs("for (let i = 0; i < 10; i++) tools.$search('merge a pull request ' + i)"),
];
console.log(
  `CPU of a program: ${none.toFixed(0)} ms without a search, ${once.toFixed(0)} with one, ${ten.toFixed(0)} with ten`,
);

const program = 'return await tools.github_mcp.merge_pull_request({ owner: "a", repo: "b", pull_number: 1 })';
for (const check of [undefined, "types", undefined, "types"] as const) {
  await timed(`a run ${check ? "with" : "without"} its types checked`, () =>
    codemode.execute(program, check ? { check } : {}),
  );
}

const few = new ComponentRegistry();
for (const { name, ...tool } of thousands(5)) few.registerTool(name, { ...tool, execute: () => null });
const withFew = codemode.withRegistry(few);
const runs = async (client: Codemode, times = 200) => {
  const before = performance.now();
  for (let at = 0; at < times; at++) await client.execute("return 1");
  return (performance.now() - before) / times;
};
await Promise.all([runs(withFew, 20), runs(codemode, 20)]); // what crosses once has crossed
const [five, many] = [
  [await runs(withFew), await runs(withFew)],
  [await runs(codemode), await runs(codemode)],
].map((both) => Math.min(...both)) as [number, number];
console.log(
  `a run with 5 tools: ${five.toFixed(1)} ms, with ${count}: ${many.toFixed(1)} ms, ratio ${(many / five).toFixed(2)}`,
);
