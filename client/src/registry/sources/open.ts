import { RegistryError } from "../../errors.ts";
import type { Component } from "../component.ts";
import { cannot, type Found, settle, toComponent } from "../found.ts";
import { checkName } from "../names.ts";
import { fromMcp, isMcpClient, mcpOrigin } from "./mcp.ts";
import { followMcp } from "./mcp-changes.ts";
import { foreignNames } from "./names.ts";
import { hasMethods } from "./reading.ts";
import { recognise } from "./recognise.ts";
import { originOf } from "./origins.ts";

/** What a source has. */
export interface Opened {
  readonly components: readonly Component[];
  readonly live?: Live;
}

/** A source that may change. */
export interface Live {
  /** Calls `changed` when it does; at once when it has since it was opened. */
  watch(changed: () => void): void;
  read(): Promise<readonly Component[]>;
  /** Has to be called, also where nobody watches. */
  stop(): void;
}

/** Reads all of `source`. Throws {@link RegistryError} when any of it cannot be registered. */
export async function openSource(source: unknown, namespace: string | undefined): Promise<Opened> {
  if (isMcpClient(source)) {
    const origin = mcpOrigin(source);
    const read = async () => toComponents(named(await fromMcp(source, origin), namespace), namespace);
    return followed(read, (changed) => followMcp(source, changed));
  }
  if (Array.isArray(source)) return { components: await toComponents(named(fromArray(source), namespace), namespace) };
  if (typeof source !== "object" || source === null) throw noSource(`it is a ${typeof source}`);
  const single = ["execute", "invoke", "generate", "run"].find((name) => hasMethods(source, name));
  if (single !== undefined) throw noSource(`it has ${single}() and is one; register(name, …) takes it`);
  return { components: await toComponents(fromRecord(source, namespace), namespace) };
}

/** Watches before it reads, so that no change gets lost in between. */
async function followed(read: Live["read"], watch: (changed: () => void) => () => void): Promise<Opened> {
  let isStale = false;
  let tell = (): void => void (isStale = true);
  const stop = watch(() => tell());
  try {
    const components = await read();
    const live: Live = {
      watch(changed) {
        tell = changed;
        if (isStale) changed();
      },
      read,
      stop,
    };
    return { components, live };
  } catch (error) {
    stop();
    throw error;
  }
}

type Named = readonly (readonly [name: string, found: Found])[];

function fromArray(source: readonly unknown[]): readonly Found[] {
  return source.flatMap((value, index) => {
    const { found } = recognise(value, undefined, `item ${index} of registerAll()`) ?? {};
    if (found && found.name === undefined) throw cannot(found.kind, "", found.origin, "nothing says its name");
    return found ? [found] : [];
  });
}

/** Under their own names, as far as they can stand. */
function named(all: readonly Found[], namespace: string | undefined): Named {
  const names = foreignNames(
    all.map(({ name }) => name ?? ""),
    namespace,
  );
  return all.map((found, index) => [names[index] as string, found]);
}

/** Under their keys. Those of our own definitions were chosen for here, and are taken as they are. */
function fromRecord(source: object, namespace: string | undefined): Named {
  const origin = originOf(source) ?? "registerAll()";
  const all = Object.entries(source).flatMap(([key, value]) => {
    const recognised = recognise(value, key, origin);
    return recognised ? [{ key, ...recognised }] : [];
  });
  const foreign = foreignNames(
    all.map(({ key }) => key),
    namespace,
  );
  return all.map(({ key, found, isForeign }, index) => [isForeign ? (foreign[index] as string) : key, found]);
}

async function toComponents(all: Named, namespace: string | undefined): Promise<readonly Component[]> {
  return Promise.all(
    all.map(async ([plain, found]) => {
      const name = namespace === undefined ? plain : `${namespace}.${plain}`;
      checkName(found.kind, name);
      return toComponent(name, await settle(found));
    }),
  );
}

function noSource(why: string): RegistryError {
  return new RegistryError(
    `Cannot register all of it: ${why}. A source is a record or an array of tools and agents, or an MCP client`,
  );
}
