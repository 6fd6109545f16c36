// One program over this repository's own data, run for two clients at once. `npm run demo` installs what it needs.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { styleText } from "node:util";
import { Codemode } from "@codemode/client";
import { repositoryTools } from "./repository-tools.ts";

interface Report {
  readonly package: string;
  readonly largest: readonly { readonly lines: number }[];
  readonly commits: readonly unknown[];
  readonly servedTo: readonly string[];
}

const program = readFileSync(new URL("demo-program.js", import.meta.url), "utf8");
const clients = [
  { clientId: "acme", folder: "client" },
  { clientId: "globex", folder: "executor" },
];
const title = (text: string) => console.log(`\n${styleText("bold", text)}`);

title("The program, as a model would write it");
console.log(styleText("dim", program.trim()));

title("Its calls, live, from two clients at once");
await using codemode = Codemode.fromClientConfig({ registry: repositoryTools() });
await codemode.health(); // the executor is up, so both start at the same moment
const outcomes = await Promise.all(
  clients.map(async (context) => {
    const say = (text: string) => console.log(`  ${context.clientId.padEnd(7)} ${text}`);
    return codemode.withContext(context).execute<Report>(program, {
      timeoutMs: 30_000,
      onCall: ({ seq, name, state, durationMs }) => {
        const time = durationMs === undefined ? "" : ` after ${durationMs.toFixed(0)} ms`;
        say(`${styleText("cyan", `#${seq} ${name}`)} ${state}${time}`);
      },
      onLog: ({ text }) => say(styleText("yellow", text)),
    });
  }),
);

outcomes.forEach((outcome, index) => {
  const client = clients[index];
  assert(client !== undefined);
  title(`The result for ${client.clientId}`);
  const report = outcome.unwrap();
  console.log(report);
  const { wallMs, cpuMs, calls } = outcome.usage;
  console.log(
    styleText("dim", `${calls} calls, ${wallMs.toFixed(0)} ms, of which ${cpuMs.toFixed(0)} ms in the sandbox`),
  );

  assert.deepEqual(report.servedTo, [client.clientId], "every tool call ran in the context of its own client");
  assert.match(report.package, new RegExp(`^@codemode/${client.folder} `));
  assert.equal(report.largest.length, 3);
  assert(report.commits.length > 0);
  assert(outcome.calls.length === 6 && outcome.calls.every(({ state }) => state === "succeeded"));
});
title("Neither program ever saw the other's context.");
