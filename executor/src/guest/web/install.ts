import { hide } from "@codemode/proto/values";
import { TextDecoder, TextEncoder } from "@exodus/bytes/encoding.js";
import { AbortController, AbortSignal, startSignals } from "./abort.ts";
import { atob, btoa } from "./base64.ts";
import type { RunSettings } from "../host.ts";
import { Crypto, crypto, installCrypto, SubtleCrypto } from "./crypto.ts";
import { DOMException } from "./dom-exception.ts";
import { Event } from "./event.ts";
import { EventTarget } from "./event-target.ts";
import { structuredClone } from "./structured-clone.ts";
import { URL, URLSearchParams } from "./url.ts";

const constructors = { AbortController, AbortSignal, Crypto, DOMException, Event, EventTarget, SubtleCrypto };
const borrowed = { TextDecoder, TextEncoder, URL, URLSearchParams };
const others = { atob, btoa, crypto, structuredClone };

for (const [name, constructor] of Object.entries(constructors)) {
  const { prototype } = constructor;
  // The members of an interface of the platform are enumerable, unlike those of a class.
  for (const holder of [constructor, prototype]) {
    for (const key of Object.getOwnPropertyNames(holder)) {
      const isMember =
        !["constructor", "length", "name", "prototype"].includes(key) || (holder === prototype && key === "name");
      if (isMember) Object.defineProperty(holder, key, { enumerable: true });
    }
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
}

/** Gives a program what the web platform has and the language has not. The timers are to be installed before. */
export function installWebGlobals(global: object, settings: RunSettings): void {
  installCrypto(settings);
  startSignals((global as { setTimeout: Parameters<typeof startSignals>[0] }).setTimeout);
  const globals = { ...constructors, ...borrowed, ...others };
  for (const [name, value] of Object.entries(globals)) hide(global, name, value);
}
