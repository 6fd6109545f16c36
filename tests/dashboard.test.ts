import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { startInProcess, Stream } from "./executor-fixture.ts";
import { readMetrics } from "./metrics-reader.ts";

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: string }[] };
}

const file = new URL("../deploy/grafana/codemode-executor.json", import.meta.url);
const dashboard = JSON.parse(readFileSync(file, "utf8")) as Dashboard;

test("the dashboard asks for metrics and labels that an executor serves", async () => {
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_ADMIN_LISTEN: "127.0.0.1:0" });
  await executor.run("return await tools.ask({})", {}, { ask: () => 1 });
  await using refused = new Stream(executor.client);
  refused.start("return 1", { attempt: 0 });
  refused.call.resume();
  await refused.status;
  const samples = [...(await readMetrics(executor.executor.adminAddress)).keys()];

  const variables = dashboard.templating.list.map(({ name, query }) => ({
    title: `$${name}`,
    targets: [{ expr: query }],
  }));
  const asked = [...dashboard.panels, ...variables].flatMap(({ title, targets }) =>
    targets.flatMap(({ expr }) => {
      const labels = (/ by \(([^)]+)\)/.exec(expr)?.[1] ?? "").split(/, ?/).filter(Boolean);
      return (expr.match(/codemode_\w+/g) ?? []).map((metric) => ({ title, metric, labels }));
    }),
  );
  const missing = asked.filter(
    ({ metric, labels }) =>
      !samples.some(
        (sample) => sample.split("{")[0] === metric && labels.every((label) => sample.includes(`${label}="`)),
      ),
  );
  expect(missing).toEqual([]);
  const shown = new Set(asked.map(({ metric }) => metric.replace(/_bucket$/, "")));
  const served = new Set(samples.map((sample) => sample.split("{")[0]!.replace(/_(bucket|sum|count)$/, "")));
  expect(shown).toEqual(served); // nothing is served that nobody looks at
});

test("its panels and variables are told apart, and filter by what they offer", () => {
  const names = dashboard.templating.list.map(({ name }) => name);
  const used = JSON.stringify(dashboard.panels).match(/\$\{?(?!__)\w+/g) ?? [];
  expect(new Set(used.map((name) => name.replace(/\W/g, "")))).toEqual(new Set(names));
  const titles = dashboard.panels.map(({ title }) => title);
  expect(new Set(titles).size).toBe(titles.length);
});
