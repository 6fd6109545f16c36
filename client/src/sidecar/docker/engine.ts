import type Dockerode from "dockerode";
import { ConfigError, ExecutorConnectionError } from "../../errors.ts";

const INSTEAD = 'or set executor.mode to "embedded"';

/** A Docker engine that answers: the one that DOCKER_HOST names, else that of this machine. */
export async function connectEngine(): Promise<Dockerode> {
  const { default: Docker } = await loadDockerode();
  const docker = new Docker();
  await asked("reach a Docker engine", docker.ping());
  return docker;
}

async function loadDockerode(): Promise<{ readonly default: typeof Dockerode }> {
  try {
    return await import("dockerode");
  } catch (cause) {
    const message = `Cannot start a container: the package dockerode is not installed; run "npm install dockerode", ${INSTEAD}`;
    throw new ConfigError(message, { cause });
  }
}

/** The answer of an engine, or what it says in words that tell what to do. */
export async function asked<T>(what: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw engineError(what, error);
  }
}

/** What an engine answered when it was to do `what`, in words that tell what to do. */
export function engineError(what: string, error: unknown): ExecutorConnectionError {
  return new ExecutorConnectionError(`Cannot ${what}: ${reasonOf(error as EngineError)}`, { cause: error });
}

/** True for the engine's answer that something is not there. */
export function isMissing(error: unknown): boolean {
  return (error as EngineError).statusCode === 404;
}

/** True for the engine's answer that a name is taken. */
export function isTaken(error: unknown): boolean {
  return (error as EngineError).statusCode === 409;
}

interface EngineError extends Error {
  readonly code?: string;
  readonly address?: string;
  readonly statusCode?: number;
  readonly json?: { readonly message?: string };
}

function reasonOf({ code, address, json, message }: EngineError): string {
  const at = address ? ` at ${address}` : "";
  switch (code) {
    case "ENOENT":
    case "ECONNREFUSED":
    case "ENOTFOUND":
      return `no Docker engine answers${at}; start Docker, ${INSTEAD}`;
    case "EACCES":
    case "EPERM":
      return `this user may not use the Docker engine${at}; add it to the group "docker", ${INSTEAD}`;
    default:
      return json?.message ?? message;
  }
}
