import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Contender } from "./rounds.ts";

const folder = fileURLToPath(new URL("peers/", import.meta.url));

/** Other engines for the code of models, each in this process, as it comes. */
export interface Peers {
  /** `return 42`. */
  readonly answers: readonly Contender[];
  /** `operations` calls of a tool by the engine of @ai-sdk/code-mode: one after the other, or all at once. */
  calls(name: string, operations: number, code: string): Contender;
}

/** Installs them beside their package.json where they are not, and loads them. */
export async function loadPeers(): Promise<Peers> {
  if (!existsSync(`${folder}node_modules/run`)) {
    // One peer names a version of another, which is not there, for its types alone.
    const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--legacy-peer-deps"], {
      cwd: folder,
      stdio: "inherit",
    });
    if (status !== 0) throw new Error("The peers could not be installed");
  }
  // Their types come with them, and they may not be there.
  const load = (file: string): Promise<Record<string, never>> =>
    import(new URL(`peers/node_modules/${file}`, import.meta.url).href);
  const [tanstack, utcp, { run }] = await Promise.all([
    load("@tanstack/ai-isolate-node/dist/esm/index.js"),
    load("@utcp/code-mode/dist/index.js"),
    load("run/dist/index.js"),
  ]);
  const driver = (tanstack["createNodeIsolateDriver"] as unknown as () => TanstackDriver)();
  const client = await (utcp["CodeModeUtcpClient"] as unknown as UtcpClientClass).create();
  const engine = run as unknown as Run;
  return {
    answers: [
      {
        name: "@tanstack/ai-isolate-node",
        async run() {
          const context = await driver.createContext({ bindings: {} });
          const { value } = await context.execute("return 42");
          await context.dispose();
          expectAnswer(value, 42);
        },
      },
      {
        name: "@utcp/code-mode",
        run: async () => expectAnswer((await client.callToolChain("return 42")).result, 42),
      },
      { name: "run", run: async () => expectAnswer((await engine({ source: "return 42" })).value, 42) },
    ],
    calls: (name, operations, source) => ({
      name,
      operations,
      run: async () => {
        const hostFunctions = { tools: { ping: ({ n }: { n: number }) => n + 1 } };
        const limits = { maxBridgeRequests: operations + 1, maxPendingBridgeRequests: operations, timeoutMs: 600_000 };
        expectAnswer((await engine({ source, hostFunctions, limits })).value, operations);
      },
    }),
  };
}

function expectAnswer(given: unknown, expected: unknown): void {
  if (given !== expected) throw new Error(`A peer answered ${JSON.stringify(given)}`);
}

interface TanstackDriver {
  createContext(
    config: object,
  ): Promise<{ execute(code: string): Promise<{ value?: unknown }>; dispose(): Promise<void> }>;
}
interface UtcpClientClass {
  create(): Promise<{ callToolChain(code: string): Promise<{ result: unknown }> }>;
}
type Run = (options: object) => Promise<{ value?: unknown; status: string }>;
