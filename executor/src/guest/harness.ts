// Guest harness
// ==========================================================================
// Runs one program inside an isolate and tells the worker what came of it.
//
//   The harness owns   numbering of calls, encoding of values, the clock, the console.
//   The worker owns    the isolate, and what it believes of all this.
//
// G1  Nothing here is trusted: the program shares this realm. Every limit stands outside again.
// G2  Intrinsics are taken before the program runs (primordials), so that it can replace any of them.
// G3  Only primitives go through `send`, and nothing is ever thrown out of an entry on purpose.
// G4  No object of the harness gets into the program's hands, but for those it is given to use.
import { signatureOf } from "@codemode/proto/discovery";
import { hide, bindLate, decode, primordials } from "@codemode/proto/values";
import { installAliases } from "./aliases.ts";
import { Calls, type Settle } from "./calls.ts";
import { Catalog } from "./catalog.ts";
import { installClock, installRandom, setClock } from "./clock.ts";
import { createConsole } from "./console/console.ts";
import { encodeCut } from "./cut.ts";
import { difference } from "./difference.ts";
import { createDiscovery, installOldNames } from "./discovery.ts";
import { blame, encodeForHost, type Explanation, fail, failureOf, refuse } from "./failures.ts";
import type { Ask, Failure, RunSettings, Send } from "./host.ts";
import { Marks } from "./marks.ts";
import { createOutputs } from "./outputs.ts";
import { installTables } from "./tables.ts";
import { installTimers } from "./timers.ts";
import { createComponents } from "./tools.ts";
import { startEvents } from "./web/event.ts";
import { installWebGlobals } from "./web/install.ts";

type Start = (source: string, settings: string, context: string, config: string) => void;

const AsyncFunction = (async () => undefined).constructor as new (
  ...text: string[]
) => (...given: unknown[]) => Promise<unknown>;
const { apply, freeze, hasOwn, defineProperty, promiseThen, functionToString, startsWith } = primordials;

const PARAMETERS =
  "tools, agents, codemode, callTool, context, config, console, text, json, image, $codemodeAwait, $codemodeThrow, result";
/** Takes away what would get around a limit (shared memory, resizable buffers, WebAssembly, finalizers), and the host's own. */
function harden(global: Record<string, unknown>): void {
  const gone = [
    "WebAssembly",
    "SharedArrayBuffer",
    "Atomics",
    "FinalizationRegistry",
    "WeakRef",
    "Float16Array",
    "console",
  ];
  for (let index = 0; index < gone.length; index++) delete global[gone[index] as string];
  delete (Intl as { v8BreakIterator?: unknown }).v8BreakIterator; // V8's own, which Node takes away too
  const prototype = ArrayBuffer.prototype as unknown as Record<string, unknown>;
  delete prototype["resize"];
  delete prototype["transfer"];
  delete prototype["transferToFixedLength"];
  const FixedBuffer = new Proxy(ArrayBuffer, {
    __proto__: null,
    construct: (target, given, newTarget) =>
      primordials.construct(target, [given[0]], newTarget === FixedBuffer ? target : newTarget) as object,
  } as ProxyHandler<ArrayBufferConstructor>);
  hide(prototype, "constructor", FixedBuffer);
  hide(global, "ArrayBuffer", FixedBuffer);
}

/** What does not depend on the run is made here, before there is one: the program waits for what `start` does. */
function createHarness(send: Send, ask: Ask): { start: Start; settle: Settle; stuck: () => number } {
  /** Filled in when the run begins. */
  const settings = { __proto__: null } as unknown as RunSettings;
  installTables(ask);
  const catalog = new Catalog(ask);
  const calls = new Calls(send, settings);
  installRandom(settings);
  installTimers(realm, calls);
  installWebGlobals(realm, settings);
  const console = createConsole(send, settings);
  hide(realm, "console", console);
  const discovery = createDiscovery(catalog);
  const components = createComponents(calls, settings, catalog, discovery);
  const { tools, agents, callTool } = components;
  const outputs = createOutputs(send, settings);
  installOldNames(realm, catalog, discovery);

  const marks = new Marks();
  let called = false;
  let argument: object;
  const succeed = (value: unknown): void => {
    if (typeof value === "function" && !called && !startsWith(functionToString(value), "class")) {
      // A program may be one function; it is called once.
      called = true;
      settleLater(new primordials.Promise((resolve) => resolve(apply(value as () => unknown, undefined, [argument]))));
      return;
    }
    try {
      const encoded = encodeResult(value);
      calls.warnOfPending();
      send("succeed", encoded);
    } catch (error) {
      failed(error);
    }
  };
  const encodeResult = (value: unknown): string => {
    if (value === undefined) return "";
    const { mode, limits, onOversize } = settings;
    const options = { mode, maxBytes: limits.resultBytes, stacks: true };
    const { text, whole } =
      onOversize === "truncate" ? encodeCut(value, options) : { text: encodeForHost(value, options), whole: true };
    if (!whole) send("cut");
    return text;
  };
  const failed = (thrown: unknown): void => fail(send, thrown, explain, marks.throwerOf(thrown));
  const explain = ({ type, kind, component, input }: Failure): Explanation => {
    const entry = kind && catalog.find(kind, component);
    if (!entry) return { hint: "", signature: "" };
    const hint = type === "ToolInputError" ? difference(entry.input, input) : "";
    return { hint, signature: signatureOf(entry) };
  };
  const settleLater = (promise: Promise<unknown>): void => {
    // Without a `constructor` of its own, `then` would look one up where the program can put its own.
    const none = { __proto__: null, value: undefined, writable: false, enumerable: false, configurable: false };
    defineProperty(promise, "constructor", none as PropertyDescriptor);
    void promiseThen(promise, succeed, failed);
  };
  const start: Start = (source, settingsText, contextText, configText) => {
    primordials.assign(settings, primordials.parse(settingsText));
    setClock(settings.clock);
    startEvents();
    installAliases(realm, components, catalog, settings.globals, outputs, source);
    let context: unknown;
    let config: unknown;
    try {
      context = frozen(contextText, settings.contextMode);
      config = frozen(configText, settings.configMode);
    } catch {
      return refuse(send, "RuntimeError", "The context or the config of this run cannot be read");
    }
    let program: (...given: unknown[]) => Promise<unknown>;
    try {
      // V8 parses parameters and body apart, so no text can close the function early.
      program = new AsyncFunction(PARAMETERS, source);
    } catch (error) {
      return failed(blame(error as SyntaxError, failureOf("SyntaxError")));
    }
    const { text, json, image } = outputs;
    const plain = { __proto__: null, callTool, console, text, json, image };
    argument = argumentOf(tools, { __proto__: null, tools, agents, codemode: tools, context, config }, plain);
    const scope = [
      tools,
      agents,
      tools,
      callTool,
      context,
      config,
      console,
      text,
      json,
      image,
      marks.await,
      marks.throw,
      undefined,
    ];
    settleLater(apply(program, undefined, scope));
  };

  return {
    start,
    settle: calls.settle,
    stuck: () => marks.stuck(),
  };
}

/**
 * What a program that is one function is called with: `(tools) =>` and `({ tools, context }) =>` both get what they
 * name. A tool that has one of the `plain` names goes first, as it does everywhere; `names` are always the scope's.
 */
function argumentOf(tools: object, names: object, plain: object): object {
  return new primordials.Proxy(freeze(names), {
    __proto__: null,
    get: (_names: object, key: PropertyKey) => {
      const owner = hasOwn(names, key) ? names : hasOwn(plain, key) && !hasOwn(tools, key) ? plain : tools;
      return (owner as Record<PropertyKey, unknown>)[key];
    },
  } as ProxyHandler<object>);
}

/** The context or the config, frozen. */
function frozen(text: string, mode: "exact" | "json"): unknown {
  return text === "" ? {} : deepFreeze(decode(text, { mode }));
}

/** Freezes plain data all the way down. */
function deepFreeze(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value;
  freeze(value);
  const names = primordials.keys(value);
  for (let index = 0; index < names.length; index++)
    deepFreeze((value as Record<string, unknown>)[names[index] as string]);
  return value;
}

interface Realm extends Record<string, unknown> {
  codemodeSend?: Send;
  codemodeAsk?: Ask;
  codemodeBoot?: () => void;
  codemodeStart?: Start;
  codemodeSettle?: Settle;
  codemodeStuck?: () => number;
}

const realm = globalThis as unknown as Realm;

installClock(realm);

/**
 * Called by the worker in each new isolate: takes `codemodeSend` and `codemodeAsk`, leaves `codemodeStart`, `codemodeSettle` and
 * `codemodeStuck` to be fetched, which `codemodeBoot`, called again, removes.
 */
realm.codemodeBoot = () => {
  if (realm.codemodeSend === undefined || realm.codemodeAsk === undefined) {
    delete realm.codemodeStart;
    delete realm.codemodeSettle;
    delete realm.codemodeStuck;
    delete realm.codemodeBoot;
    return;
  }
  const { codemodeSend, codemodeAsk } = realm;
  delete realm.codemodeSend;
  delete realm.codemodeAsk;
  bindLate();
  // Not at snapshot time: V8 installs some of these anew in every context.
  harden(realm);
  const harness = createHarness(codemodeSend, codemodeAsk);
  realm.codemodeStart = harness.start;
  realm.codemodeSettle = harness.settle;
  realm.codemodeStuck = harness.stuck;
};
