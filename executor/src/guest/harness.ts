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
import { bindLate, decode, primordials } from "@codemode/proto/values";
import { Calls, type Settle } from "./calls.ts";
import { hide, installClock, installRandom, setClock } from "./clock.ts";
import { createConsole } from "./console.ts";
import { blame, encodeForHost, fail, failureOf, refuse } from "./failures.ts";
import type { RunSettings, Send } from "./host.ts";
import { installTimers } from "./timers.ts";
import { createComponents } from "./tools.ts";

type Start = (source: string, settings: string, context: string, config: string) => void;

const AsyncFunction = (async () => undefined).constructor as new (
  ...text: string[]
) => (...given: unknown[]) => Promise<unknown>;
const { apply, freeze, defineProperty, promiseThen, functionToString, startsWith } = primordials;

const PARAMETERS = "tools, agents, codemode, callTool, context, config, console, result";
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

function createHarness(send: Send): { start: Start; settle: Settle } {
  let calls: Calls | undefined;
  let settings: RunSettings;

  let called = false;
  const succeed = (value: unknown): void => {
    if (typeof value === "function" && !called && !startsWith(functionToString(value), "class")) {
      // A program may be one function; it is called once.
      called = true;
      settleLater(new primordials.Promise((resolve) => resolve(apply(value as () => unknown, undefined, []))));
      return;
    }
    try {
      const { mode, limits } = settings;
      const options = { mode, maxBytes: limits.resultBytes, stacks: true };
      send("succeed", value === undefined ? "" : encodeForHost(value, options));
    } catch (error) {
      failed(error);
    }
  };
  const failed = (thrown: unknown): void => fail(send, thrown);
  const settleLater = (promise: Promise<unknown>): void => {
    // Without a `constructor` of its own, `then` would look one up where the program can put its own.
    const none = { __proto__: null, value: undefined, writable: false, enumerable: false, configurable: false };
    defineProperty(promise, "constructor", none as PropertyDescriptor);
    void promiseThen(promise, succeed, failed);
  };
  const start: Start = (source, settingsText, contextText, configText) => {
    settings = primordials.parse(settingsText) as RunSettings;
    const issued = new Calls(send, settings.limits);
    calls = issued;
    setClock(settings.clock);
    installRandom(settings.seed);
    installTimers(realm, issued);
    const console = createConsole(send, settings.limits);
    hide(realm, "console", console);
    const { tools, agents, callTool } = createComponents(issued, settings);
    let context: unknown;
    let config: unknown;
    try {
      context = given(contextText, settings.contextMode);
      config = given(configText, settings.configMode);
    } catch {
      return refuse(send, "RuntimeError", "The context or the config of this run cannot be read");
    }
    let program: (...given: unknown[]) => Promise<unknown>;
    try {
      // V8 parses parameters and body apart, so no text can close the function early.
      program = new AsyncFunction(PARAMETERS, source);
    } catch (error) {
      return fail(send, blame(error as SyntaxError, failureOf("SyntaxError")));
    }
    settleLater(apply(program, undefined, [tools, agents, tools, callTool, context, config, console, undefined]));
  };

  return { start, settle: (seq, kind, text, clock) => calls?.settle(seq, kind, text, clock) };
}

/** The context or the config, frozen. */
function given(text: string, mode: "exact" | "json"): unknown {
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
  codemodeBoot?: () => void;
  codemodeStart?: Start;
  codemodeSettle?: Settle;
}

const realm = globalThis as unknown as Realm;

installClock(realm);

/**
 * Called by the worker in each new isolate: takes `codemodeSend`, leaves `codemodeStart` and `codemodeSettle` to be
 * fetched, which `codemodeBoot`, called again, removes.
 */
realm.codemodeBoot = () => {
  if (realm.codemodeSend === undefined) {
    delete realm.codemodeStart;
    delete realm.codemodeSettle;
    delete realm.codemodeBoot;
    return;
  }
  const { codemodeSend } = realm;
  delete realm.codemodeSend;
  bindLate();
  // Not at snapshot time: V8 installs some of these anew in every context.
  harden(realm);
  const harness = createHarness(codemodeSend);
  realm.codemodeStart = harness.start;
  realm.codemodeSettle = harness.settle;
};
