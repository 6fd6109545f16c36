import { status } from "@grpc/grpc-js";
import {
  type ClientConfigInput,
  Codemode,
  ComponentRegistry,
  type ExecuteOptions,
  type RecordingOptions,
} from "../client/src/index.ts";
import { type Peer, type Script, startScripted } from "./scripted-executor.ts";

export type Handler = (input: never, call: { signal: AbortSignal }) => unknown;

/** A client of scripted executors, whose tools note how often they are called. */
export async function withScript(
  script: Script,
  tools: Record<string, Handler> = {},
  config: ClientConfigInput = {},
  recording: RecordingOptions = {},
) {
  const executor = await startScripted(script);
  const calls: string[] = [];
  const registry = new ComponentRegistry();
  for (const [name, handle] of Object.entries(tools)) {
    const execute = (input: unknown, call: { signal: AbortSignal }) => (calls.push(name), handle(input as never, call));
    registry.registerTool(name, { description: "", execute });
  }
  const told: { message: string; fields: Record<string, unknown> }[] = [];
  let onInfo = (_message: string) => {};
  const logger = {
    debug() {},
    info: (fields: object, message: string) => (told.push({ message, fields: { ...fields } }), onInfo(message)),
    warn() {},
    error() {},
  };
  const codemode = Codemode.fromClientConfig({
    ...recording,
    registry,
    logger,
    config: {
      observability: { logLevel: "info" },
      ...config,
      executor: { mode: "remote", url: executor.url, ...config.executor },
      retry: { baseMs: 1, ...config.retry },
    },
  });
  return {
    executor,
    codemode,
    calls,
    told,
    /** Calls `body` while the client waits for its next attempt. */
    whileWaiting: (body: () => void) => (onInfo = (message) => message.includes("trying again") && body()),
    run: (options?: ExecuteOptions) => codemode.execute("…", options),
    async [Symbol.asyncDispose]() {
      await codemode.close();
      await executor[Symbol.asyncDispose]();
    },
  };
}

/** A handler that the test settles. */
export function held() {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const started = Promise.withResolvers<AbortSignal>();
  const handler: Handler = (_, { signal }) => (started.resolve(signal), promise);
  return { handler, started: started.promise, resolve };
}

/** Tells when calls settle: resolves once the call of this name has. */
export function settlements() {
  const seen = new Map<string, PromiseWithResolvers<void>>();
  const of = (name: string) => seen.get(name) ?? (seen.set(name, Promise.withResolvers()), seen.get(name)!);
  const onCall: ExecuteOptions["onCall"] = ({ name, state }) => state === "succeeded" && of(name).resolve();
  return { onCall, settled: (name: string) => of(name).promise };
}

/** Breaks the stream off. */
export const lose = (peer: Peer) => peer.fail({ code: status.UNAVAILABLE });
