import { z } from "zod";
import { isVersion2, type McpClient } from "./mcp.ts";
import { type Foreign, hasMethods, method } from "./reading.ts";

const CHANGED = "notifications/tools/list_changed";
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/** As version 1 wants to be told which notification is meant. */
const notification = z.object({ method: z.literal(CHANGED) });

type Handler = (...given: unknown[]) => unknown;

/** Calls `onChange` when the server says that its tools are others now, until what it returns is called. */
export function followMcp(client: McpClient, onChange: () => void): () => void {
  if (!client.getServerCapabilities?.()?.tools?.listChanged || !hasMethods(client, "setNotificationHandler"))
    return () => {};
  const foreign = client as unknown as Foreign;
  // A client has one handler for each notification, and the app may have set its own.
  const handlers = foreign["_notificationHandlers"];
  const before = handlers instanceof Map ? (handlers.get(CHANGED) as Handler | undefined) : undefined;
  const set = method(foreign, "setNotificationHandler");
  let isFollowing = true;
  set(isVersion2(client) ? CHANGED : notification, () => {
    if (isFollowing) onChange();
  });
  if (before && handlers instanceof Map) {
    const ours = handlers.get(CHANGED) as Handler;
    handlers.set(CHANGED, async (...given: unknown[]) => {
      await ours(...given);
      await before(...given);
    });
  }
  const stop = subscribe(foreign, onChange);
  return () => {
    isFollowing = false;
    stop();
  };
}

interface Subscription {
  readonly closed: Promise<unknown>;
  close(): Promise<void>;
}

/** Since 2026-07-28 a server tells of changes only to those that listen; a broken stream is for the client to open again. */
function subscribe(client: Foreign, onChange: () => void): () => void {
  if (!hasMethods(client, "listen", "getProtocolEra") || method(client, "getProtocolEra")() !== "modern")
    return () => {};
  const stopped = new AbortController();
  const listen = method(client, "listen") as (filter: object, options: object) => Promise<Subscription>;
  let timer: NodeJS.Timeout | undefined;
  const open = async (pauseMs: number): Promise<void> => {
    let next = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    try {
      const subscription = await listen({ toolsListChanged: true }, { signal: stopped.signal });
      onChange(); // what changed while nobody listened
      next = FIRST_PAUSE_MS * 2;
      await subscription.closed;
    } catch {
      // Not connected, or not willing: later, perhaps.
    }
    if (stopped.signal.aborted || client["transport"] === undefined) return;
    timer = setTimeout(() => void open(next), next / 2);
    timer.unref();
  };
  void open(FIRST_PAUSE_MS);
  return () => {
    clearTimeout(timer);
    stopped.abort(new Error("Nobody follows the changes any more"));
  };
}
