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
// G4  No function or object of the harness is reachable from the program, but for those it is given to use.
import { bindLate, decode, encode, isError, primordials } from "@codemode/proto/values";
import { Calls, failureOf, type Settle } from "./calls.ts";
import { hide, installClock, installRandom, setClock } from "./clock.ts";
import { createConsole } from "./console.ts";
import type { RunSettings, Send } from "./host.ts";
import { inspect } from "./inspect.ts";
import { installTimers } from "./timers.ts";
import { createComponents } from "./tools.ts";

type Start = (source: string, settings: string, context: string, config: string) => void;

const AsyncFunction = (async () => undefined).constructor as new (
  ...text: string[]
) => (...given: unknown[]) => Promise<unknown>;
const { apply, freeze, slice, defineProperty, promiseThen, functionToString, startsWith } = primordials;

const PARAMETERS = "tools, agents, codemode, callTool, context, config, console, result";
const MAX_NAME = 100;
const MAX_MESSAGE = 4_000;
const MAX_STACK = 8_000;

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
      const { resultBytes } = settings.limits;
      send(
        "succeed",
        value === undefined ? "" : encode(value, { mode: settings.mode, maxLength: resultBytes, stacks: true }),
      );
    } catch (error) {
      fail(error);
    }
  };
  const settleLater = (promise: Promise<unknown>): void => {
    // Without a `constructor` of its own, `then` would look one up where the program can put its own.
    const none = { __proto__: null, value: undefined, writable: false, enumerable: false, configurable: false };
    defineProperty(promise, "constructor", none as PropertyDescriptor);
    void promiseThen(promise, succeed, fail);
  };
  const fail = (thrown: unknown): void => {
    const { name, message, stack } = describe(thrown);
    const call = failureOf(thrown);
    const type =
      call?.type ??
      (name === "UnserializableError"
        ? "Unserializable"
        : name === "ValueTooLargeError"
          ? "OutputLimit"
          : "RuntimeError");
    const { seq = 0, component = "", code = "", retryable = false } = call ?? {};
    send("fail", type, name, message, stack, "", seq, component, code, retryable);
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
    const context = contextText === "" ? {} : deepFreeze(decode(contextText));
    const config = configText === "" ? {} : deepFreeze(decode(configText));
    let program: (...given: unknown[]) => Promise<unknown>;
    try {
      // V8 parses parameters and body apart, so no text can close the function early.
      program = new AsyncFunction(PARAMETERS, source);
    } catch (error) {
      const { name, message } = describe(error);
      send("fail", "SyntaxError", name, message, "", "", 0, "", "", false);
      return;
    }
    settleLater(apply(program, undefined, [tools, agents, tools, callTool, context, config, console, undefined]));
  };

  return { start, settle: (seq, ok, text, clock) => calls?.settle(seq, ok, text, clock) };
}

/** What was thrown, each property read once, because it may be a getter of the program's. */
function describe(thrown: unknown): { name: string; message: string; stack: string } {
  if (!isError(thrown)) return { name: "", message: inspect(thrown, MAX_MESSAGE), stack: "" };
  const read = (key: string, most: number): string => {
    try {
      const value = (thrown as unknown as Record<string, unknown>)[key];
      return typeof value === "string" ? slice(value, 0, most) : "";
    } catch {
      return "";
    }
  };
  return { name: read("name", MAX_NAME), message: read("message", MAX_MESSAGE), stack: read("stack", MAX_STACK) };
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
