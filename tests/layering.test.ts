import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempDisposableSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { expect, test } from "vitest";

/** Imports that a layer must refuse. */
const wrong: readonly (readonly [file: string, specifier: string])[] = [
  ["client/src/codemode.ts", "@codemode/executor/main"],
  ["client/src/codemode.ts", "../../executor/src/main.ts"],
  ["client/src/run/journal.ts", "@grpc/grpc-js"],
  ["client/src/codemode.ts", "yaml"],
  ["client/src/run/run.ts", "node:sqlite"],
  ["client/src/journal/sqlite.ts", "../run/journal.ts"],
  ["client/src/journal/sqlite.ts", "yaml"],
  ["client/src/registry/sources/ai-sdk.ts", "ai"],
  ["client/src/registry/sources/mcp.ts", "@modelcontextprotocol/client"],
  ["client/src/fetch/tool.ts", "../run/run.ts"],
  ["client/src/openapi/tools.ts", "yaml"],
  ["client/src/executor-client/channel.ts", "yaml"],
  ["client/src/executor-client/channel.ts", "node:child_process"],
  ["client/src/cli/main.ts", "dockerode"],
  ["client/src/registry/tool.ts", "isolated-vm"],
  ["client/src/registry/registry.ts", "ai"],
  ["client/src/registry/sources/mcp.ts", "@modelcontextprotocol/client/stdio"],
  ["client/src/cli/run.ts", "openai/resources/chat"],
  ["client/src/codemode.ts", "./integrations/ai-sdk.ts"],
  ["client/src/config/load.ts", "../integrations/mcp.ts"],
  ["client/src/integrations/mcp.ts", "../cli/print.ts"],
  ["executor/src/main.ts", "@codemode/client"],
  ["executor/src/main.ts", "isolated-vm"],
  ["executor/src/config/config.ts", "@grpc/grpc-js"],
  ["executor/src/executor.ts", "prom-client"],
  ["executor/src/session/session.ts", "prom-client"],
  ["executor/src/admin/server.ts", "@grpc/grpc-js"],
  ["executor/src/admin/server.ts", "../edge/server.ts"],
  ["executor/src/admin/metrics.ts", "../pool/pool.ts"],
  ["executor/src/edge/server.ts", "isolated-vm"],
  ["executor/src/edge/server.ts", "yaml"],
  ["executor/src/edge/server.ts", "../worker/main.ts"],
  ["executor/src/edge/server.ts", "../guest/index.ts"],
  ["executor/src/edge/server.ts", "node:child_process"],
  ["executor/src/edge/server.ts", "@codemode/proto/values"],
  ["executor/src/session/session.ts", "@codemode/proto/values"],
  ["executor/src/pool/pool.ts", "../../../proto/src/values/decode.ts"],
  ["executor/src/session/session.ts", "isolated-vm"],
  ["executor/src/session/session.ts", "@grpc/grpc-js"],
  ["executor/src/session/session.ts", "../worker/frames.ts"],
  ["executor/src/pool/pool.ts", "isolated-vm"],
  ["executor/src/pool/pool.ts", "../worker/frames.ts"],
  ["executor/src/pool/pool.ts", "@grpc/grpc-js"],
  ["executor/src/worker/main.ts", "../edge/server.ts"],
  ["executor/src/worker/main.ts", "../session/session.ts"],
  ["executor/src/worker/main.ts", "../pool/pool.ts"],
  ["executor/src/worker/main.ts", "@grpc/grpc-js"],
  ["executor/src/worker/main.ts", "child_process"],
  ["executor/src/guest/index.ts", "node:fs"],
  ["executor/src/guest/index.ts", "@codemode/proto"],
  ["executor/src/guest/index.ts", "@codemode/proto/messages"],
  ["executor/src/guest/index.ts", "../../../proto/src/errors.ts"],
  ["executor/src/guest/index.ts", "../worker/main.ts"],
  ["executor/src/guest/index.ts", "acorn"],
  ["proto/src/index.ts", "yaml"],
  ["proto/src/discovery/types.ts", "node:fs"],
  ["proto/src/discovery/types.ts", "../errors.ts"],
  ["proto/src/index.ts", "@codemode/client"],
];

/** Imports that a layer exists for. */
const right: readonly (readonly [file: string, specifier: string])[] = [
  ["client/src/codemode.ts", "@codemode/proto"],
  ["client/src/codemode.ts", "./executor-client/client.ts"],
  ["client/src/config/load.ts", "yaml"],
  ["client/src/journal/sqlite.ts", "node:sqlite"],
  ["client/src/run/run.ts", "../journal/index.ts"],
  ["client/src/openapi/tools.ts", "../registry/component.ts"],
  ["client/src/executor-client/channel.ts", "@grpc/grpc-js"],
  ["client/src/sidecar/container.ts", "dockerode"],
  ["client/src/sidecar/embedded.ts", "node:child_process"],
  ["client/src/cli/executor.ts", "node:child_process"],
  ["client/src/check/compiler.ts", "node:child_process"],
  ["client/src/cli/mcp/servers.ts", "@modelcontextprotocol/client"],
  ["client/src/cli/mcp/command.ts", "../../integrations/mcp.ts"],
  ["client/src/integrations/ai-sdk.ts", "ai"],
  ["executor/src/main.ts", "./edge/server.ts"],
  ["executor/src/admin/metrics.ts", "prom-client"],
  ["executor/src/admin/metrics.ts", "../session/report.ts"],
  ["executor/src/config/yaml-file.ts", "yaml"],
  ["executor/src/edge/server.ts", "@grpc/grpc-js"],
  ["executor/src/edge/server.ts", "../session/session.ts"],
  ["executor/src/session/session.ts", "../pool/lease.ts"],
  ["executor/src/session/session.ts", "@codemode/proto/worker"],
  ["executor/src/pool/spawn.ts", "node:child_process"],
  ["executor/src/worker/main.ts", "isolated-vm"],
  ["executor/src/guest/index.ts", "@codemode/proto/values"],
  ["executor/src/guest/index.ts", "@codemode/proto/discovery"],
  ["executor/src/guest/index.ts", "./console/console.ts"],
  ["executor/src/guest/console/index.ts", "node-inspect-extracted"],
  ["proto/src/streams.ts", "@grpc/grpc-js"],
  ["proto/src/discovery/types.ts", "../values/primordials.ts"],
  ["tests/a.test.ts", "../executor/src/main.ts"],
];

test.each(["static", "type-only", "dynamic"])(
  "every layer refuses a wrong %s import and allows a right one",
  (form) => {
    const imported = (specifier: string) => {
      if (form === "type-only") return `import type {} from ${JSON.stringify(specifier)};`;
      return form === "static" ? `import ${JSON.stringify(specifier)};` : `await import(${JSON.stringify(specifier)});`;
    };
    expect(refused(wrong, imported)).toEqual(wrong.map(sentence));
    expect(refused(right, imported)).toEqual([]);
  },
);

function sentence([file, specifier]: readonly [string, string]): string {
  return `${file} imports ${specifier}`;
}

/** Lints one file per import with the repository's own rules and says which imports they refuse. */
function refused(cases: typeof wrong, imported: (specifier: string) => string): readonly string[] {
  using house = mkdtempDisposableSync(join(tmpdir(), "codemode-layers-"));
  symlinkSync(resolve("node_modules"), join(house.path, "node_modules"));
  cases.forEach(([file, specifier], index) => {
    const path = join(house.path, fixture(file, index));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${imported(specifier)}\n`);
  });
  writeFileSync(
    join(house.path, "oxlint.config.ts"),
    `export { default } from ${JSON.stringify(resolve("oxlint.config.ts"))};`,
  );
  const lint = spawnSync(
    resolve("node_modules/.bin/oxlint"),
    ["--format", "json", "client", "executor", "proto", "tests"],
    {
      cwd: house.path,
      encoding: "utf8",
    },
  );
  const { diagnostics } = JSON.parse(lint.stdout) as { diagnostics: { code: string; filename: string }[] };
  const hits = new Set(
    diagnostics.filter(({ code }) => code.includes("no-restricted-imports")).map((hit) => hit.filename),
  );
  return cases.filter(([file], index) => hits.has(fixture(file, index))).map(sentence);
}

/** Several cases may be about one file, so each gets a file of its own beside it. */
function fixture(file: string, index: number): string {
  return file.replace(/\.ts$/, `-${index}.ts`);
}
