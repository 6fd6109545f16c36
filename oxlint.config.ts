import { defineConfig } from "oxlint";

// Imports point down. Each layer says what it may not import; everything else is allowed.
// ==========================================================================
// Specifiers are matched as they are written, so a rule names both the package and the way through the folders.

type Ban = { readonly message: string } & ({ readonly regex: string } | { readonly group: string[] });

const ban = (regex: string, message: string): Ban => ({ regex, message });
const folder = (...names: string[]) => `(^|/)(${names.join("|")})(/|\\.ts$)`;
const modules = (...names: string[]) => `^(${names.join("|")})(/|$)`;

const client = ban(`${modules("@codemode/client")}|/client/src/`, "client and executor meet only in proto.");
const executor = ban(`${modules("@codemode/executor")}|/executor/src/`, "client and executor meet only in proto.");
const isolatedVm = ban(
  modules("isolated-vm"),
  "isolated-vm is loaded only inside a worker process: executor/src/worker.",
);
const grpc = ban(modules("@grpc/[^/]+"), "gRPC is spoken by executor/src/edge and client/src/executor-client.");
const yaml = ban(modules("yaml"), "YAML is read where configuration is: client/src/config and executor/src/config.");
const dockerode = ban(modules("dockerode"), "Docker is driven by client/src/sidecar.");
const childProcess = ban(
  modules("node:child_process", "child_process"),
  "Processes are started by executor/src/pool, client/src/check, client/src/sidecar and client/src/cli.",
);
const prometheus = ban(modules("prom-client"), "Metrics are counted by executor/src/admin.");
const sqlite = ban(modules("node:sqlite"), "The file of the journal is kept by client/src/journal.");
const aboveJournal = ban(
  folder("codemode", "config", "registry", "run", "durable", "executor-client", "sidecar", "cli"),
  "A journal store knows nothing of the runs that write to it.",
);
const aboveRegistry = ban(
  folder("codemode", "config", "run", "durable", "executor-client", "sidecar", "cli"),
  "What programs may call knows nothing of the runs that call it.",
);
const frameworks = ban(
  modules(
    "ai",
    "@(ai-sdk|mastra|tanstack|langchain|openai|modelcontextprotocol)/[^/]+",
    "@cloudflare/codemode",
    "openai",
  ),
  "A framework is loaded by its own file in client/src/integrations, and MCP by client/src/cli/mcp: apps bring what they use.",
);
const aboveIntegrations = ban(
  folder("cli", "sidecar"),
  "What plugs into frameworks is part of an app, as the client is.",
);
const integrations = ban(folder("integrations"), "Nothing of a framework loads with the client.");
const insideWorker = ban(folder("worker", "guest"), "The edge process never loads what runs inside a worker.");
const values = ban(
  `${modules("@codemode/proto/values")}|/proto/src/values`,
  "The edge process passes payloads on as bytes.",
);
const runs = ban(folder("edge", "pool"), "The admin server tells what it is told, and looks at nothing itself.");
const edgeProcess = ban(
  folder("admin", "edge", "session", "pool"),
  "A worker knows nothing of the process that started it.",
);
const outsideGuest = ban(
  `${folder("admin", "edge", "session", "pool", "worker", "config", "main")}|/proto/src/[^vd]|^@codemode/proto$`,
  "The guest runs inside an isolate: it imports its own files, @codemode/proto/values and @codemode/proto/discovery.",
);
const guestModules = [
  "**",
  "!.",
  "!./**",
  "!..",
  "!../**",
  "!@codemode",
  "!@codemode/proto",
  "!@codemode/proto/values",
  "!@codemode/proto/discovery",
  "!node-inspect-extracted", // bundled into the guest
];
const pure: Ban = {
  group: ["**", "!.", "!./**", "!..", "!../values", "!../values/**"],
  message:
    "What tells of schemas runs next to hostile programs and reads nothing: it imports its own files and values.",
};
const packages: Ban = { group: guestModules, message: outsideGuest.message };
const webPackages: Ban = {
  group: [...guestModules, ...["whatwg-url", "@exodus", "@noble"].flatMap((name) => [`!${name}`, `!${name}/**`])],
  message: outsideGuest.message,
};

const plugs = [frameworks, integrations];

/** A folder, and what it may not import. The last layer that matches a file decides. */
const layers: readonly (readonly [layer: string, ...bans: Ban[]])[] = [
  ["proto/src", client, executor, isolatedVm, yaml, dockerode, childProcess],
  ["proto/src/discovery", pure],
  ["client/src", executor, isolatedVm, grpc, yaml, dockerode, childProcess, sqlite, ...plugs],
  ["client/src/config", executor, isolatedVm, grpc, dockerode, childProcess, sqlite, ...plugs],
  ["client/src/journal", executor, isolatedVm, grpc, yaml, dockerode, childProcess, aboveJournal, ...plugs],
  [
    "client/src/{registry,openapi,fetch}",
    executor,
    isolatedVm,
    grpc,
    yaml,
    dockerode,
    childProcess,
    sqlite,
    aboveRegistry,
    ...plugs,
  ],
  ["client/src/executor-client", executor, isolatedVm, yaml, dockerode, childProcess, sqlite, ...plugs],
  ["client/src/check", executor, isolatedVm, grpc, yaml, dockerode, sqlite, ...plugs],
  ["client/src/sidecar", executor, isolatedVm, grpc, yaml, sqlite, ...plugs],
  ["client/src/cli", executor, isolatedVm, grpc, yaml, dockerode, sqlite, frameworks],
  ["client/src/cli/mcp", executor, isolatedVm, grpc, yaml, dockerode, sqlite],
  ["client/src/integrations", executor, isolatedVm, grpc, yaml, dockerode, childProcess, sqlite, aboveIntegrations],
  ["executor/src", client, isolatedVm, grpc, yaml, dockerode, childProcess, values, prometheus],
  ["executor/src/admin", client, isolatedVm, grpc, yaml, dockerode, childProcess, insideWorker, values, runs],
  ["executor/src/config", client, isolatedVm, grpc, dockerode, childProcess, values, prometheus],
  ["executor/src/edge", client, isolatedVm, yaml, dockerode, childProcess, insideWorker, values, prometheus],
  ["executor/src/session", client, isolatedVm, grpc, yaml, dockerode, childProcess, insideWorker, values, prometheus],
  ["executor/src/pool", client, isolatedVm, grpc, yaml, dockerode, insideWorker, values, prometheus],
  ["executor/src/worker", client, grpc, yaml, dockerode, childProcess, edgeProcess, prometheus],
  ["executor/src/guest", outsideGuest, packages],
  ["executor/src/guest/web", outsideGuest, webPackages],
];

export default defineConfig({
  plugins: ["typescript", "unicorn", "oxc", "import", "promise", "node", "vitest"],
  categories: { correctness: "error", suspicious: "error", perf: "error" },
  rules: {
    "eslint/no-await-in-loop": "off", // streams and retries are sequential on purpose
    "eslint/no-shadow": "off",
    "eslint/no-underscore-dangle": "off",
    "oxc/no-map-spread": "off",
    "promise/no-promise-in-callback": "off",
    "typescript/consistent-return": "off", // tsc says it better: an exhaustive switch returns in every case
    "typescript/no-unsafe-type-assertion": "off", // every narrowing cast after a check at run time
    "typescript/no-unnecessary-type-parameters": "off", // they name what an assertion is about
    "unicorn/consistent-function-scoping": "off", // a helper lives beside its one user
    "vitest/expect-expect": "off", // assertions may live in a helper
    "vitest/no-standalone-expect": "off",
    "vitest/no-conditional-expect": "off", // tables of cases
    "typescript/no-misused-promises": ["error", { checksVoidReturn: false }],
    "typescript/only-throw-error": "error",
    "typescript/prefer-promise-reject-errors": "error",
    "typescript/return-await": "error",
    "typescript/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
    "typescript/no-explicit-any": "error",
  },
  ignorePatterns: ["**/dist/**", "**/gen/**"],
  options: { typeAware: true, reportUnusedDisableDirectives: "error" },
  overrides: [
    ...layers.map(([layer, ...patterns]) => ({
      files: [`${layer}/**`],
      rules: { "no-restricted-imports": ["error", { patterns }] as ["error", { patterns: Ban[] }] },
    })),
    // These take built-in methods off their objects, to call them whatever a program does to the objects later.
    {
      files: ["proto/src/{values,discovery}/**", "executor/src/guest/**"],
      rules: { "typescript/unbound-method": "off" as const },
    },
  ],
});
