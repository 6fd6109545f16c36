import { createHash } from "node:crypto";
import type { ContainerCreateOptions, NetworkCreateOptions } from "dockerode";

const MIB = 1024 * 1024;
const KEY = "CODEMODE_EXECUTOR_API_KEY";

/** On everything that Codemode makes, with the container's name: nothing else is ever touched. */
export const LABEL = "dev.codemode.executor";
/** Tells containers apart that were made with other settings. */
export const SETTINGS_LABEL = "dev.codemode.settings";
/** Where the executor listens inside. */
export const PORT = "8001/tcp";

/** What a container is to be. */
export interface ContainerOptions {
  readonly name: string;
  readonly image: string;
  /** Drawn at random when absent. */
  readonly apiKey: string | undefined;
  readonly workers: number | undefined;
  readonly isolation: string;
  readonly jit: boolean;
  readonly logLevel: string;
  readonly startTimeoutMs: number;
}

const WORKERS = 4; // as in docker-compose.yml
/** Room for each worker, and with `isolation: process` for the one that comes after it. */
const PER_WORKER = { processes: 64, bytes: 512 * MIB } as const;

/** As docker-compose.yml has it: no capability, no disk, no way out, bounded. */
export function containerSpec(options: ContainerOptions, apiKey: string): ContainerCreateOptions {
  const { name, image, workers = WORKERS, isolation, jit, logLevel } = options;
  const memory = Math.max(WORKERS, workers) * PER_WORKER.bytes;
  return {
    name,
    Image: image,
    Env: [
      `${KEY}=${apiKey}`,
      `CODEMODE_EXECUTOR_ISOLATION=${isolation}`,
      `CODEMODE_EXECUTOR_JIT=${jit}`,
      `CODEMODE_EXECUTOR_LOG_LEVEL=${logLevel}`,
      `CODEMODE_EXECUTOR_WORKERS=${workers}`,
    ],
    Labels: { [LABEL]: name, [SETTINGS_LABEL]: settingsOf(options) },
    ExposedPorts: { [PORT]: {} },
    HostConfig: {
      NetworkMode: name,
      PortBindings: { [PORT]: [{ HostIp: "127.0.0.1", HostPort: "" }] },
      Dns: ["127.0.0.1"], // nobody: Docker may resolve names for it from the host, which is a way out
      Init: true,
      ReadonlyRootfs: true,
      Tmpfs: { "/tmp": "rw,noexec,nosuid,nodev,size=16m" },
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges:true"],
      PidsLimit: Math.max(WORKERS, workers) * PER_WORKER.processes,
      Memory: memory,
      MemorySwap: memory,
    },
  };
}

/** The published port works, the way out does not: replies to what comes in need no masquerading, new connections do. */
export function networkSpec(name: string): NetworkCreateOptions {
  return {
    Name: name,
    CheckDuplicate: true,
    Labels: { [LABEL]: name },
    Options: { "com.docker.network.bridge.enable_ip_masquerade": "false" },
  };
}

/** A fingerprint of all that a container is made with, but for a key that nobody asked for. */
export function settingsOf({ image, apiKey, workers, isolation, jit, logLevel }: ContainerOptions): string {
  const settings = JSON.stringify([image, apiKey, workers, isolation, jit, logLevel]);
  return createHash("sha256").update(settings).digest("hex").slice(0, 16);
}

/** The key in the environment of a container. */
export function keyIn(environment: readonly string[]): string | undefined {
  return environment.find((entry) => entry.startsWith(`${KEY}=`))?.slice(KEY.length + 1);
}
