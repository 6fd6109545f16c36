import { chmodSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClientConfigInput } from "@codemode/client";
import { inject } from "vitest";
import { Certificates } from "../certificates.ts";
import { Composed, docker } from "../composed.ts";
import type { Target } from "./cases.ts";

const WORKERS = 4; // as docker-compose.yml has it
/** Process ids of workers, as the container has them; the pattern does not match itself. */
const PIDS = `for p in /proc/[0-9]*; do grep -qs "[w]orker.cjs" $p/cmdline && echo \${p#/proc/}; done; true`;

/** The one of docker-compose.yml. */
export function container(): Promise<Target> {
  return opened(new Composed(inject("image")), (address) => ({ url: address }));
}

/** The same with TLS, asking its clients for certificates, and with its key in a file. */
export async function mutualTlsContainer(): Promise<Target> {
  const certificates = await Certificates.make();
  chmodSync(dirname(certificates.path("ca")), 0o755); // another user reads them there
  const files = { ...certificates.mutualServer, CODEMODE_EXECUTOR_API_KEY_FILE: certificates.path("api-key") };
  const inside = Object.entries(files).map(([name, path]) => [name, inContainer(path)]);
  const composed = new Composed(inject("image"), {
    environment: { ...(Object.fromEntries(inside) as Record<string, string>), CODEMODE_EXECUTOR_API_KEY: "" },
    volumes: [`${dirname(certificates.path("ca"))}:/tls:ro`],
  });
  certificates.write("api-key", composed.apiKey);
  const target = await opened(composed, (address) => ({ url: `https://localhost:${address.split(":").at(-1)}` }));
  return {
    ...target,
    config: { ...target.config, tls: certificates.client },
    async [Symbol.asyncDispose]() {
      await target[Symbol.asyncDispose]();
      certificates[Symbol.dispose]();
    },
  };
}

function inContainer(path: string): string {
  return path.replace(dirname(path), "/tls");
}

async function opened(
  composed: Composed,
  executorAt: (address: string) => ClientConfigInput["executor"],
): Promise<Target> {
  try {
    await composed.up();
    const [id = ""] = await composed.running();
    const inside = (script: string) => docker("exec", id, "sh", "-c", script);
    const workers = async () => (await inside(PIDS)).split("\n").filter((pid) => pid !== "");
    return {
      config: { executor: { mode: "remote", apiKey: composed.apiKey, ...executorAt(await composed.address()) } },
      killWorkers: async () => void (await inside(`kill -9 ${(await workers()).join(" ")}`)),
      async whole() {
        while ((await workers()).length !== WORKERS) await sleep(100);
      },
      [Symbol.asyncDispose]: () => composed[Symbol.asyncDispose](),
    };
  } catch (error) {
    await composed[Symbol.asyncDispose]();
    throw error;
  }
}
