import { primordials, utf8Length, utf8Slice } from "@codemode/proto/values";
import type { RunSettings, Send } from "../host.ts";
import { format, type Formatted } from "./inspect.ts";
import { MAX_LINE } from "./line.ts";
import { stackOf } from "../stack.ts";

const { slice, indexOf } = primordials;

export type Level = "debug" | "log" | "info" | "warn" | "error";

const MAX_INDENT = 1_000; // characters, as far as Node lets one group go
const WIDTH = 2;

/** Where a console prints to: within the budgets of the run, and what is over them is counted. */
export class Output {
  readonly #send: Send;
  readonly #settings: RunSettings;
  #lines = 0;
  #bytes = 0;
  #groups = 0;
  #indent = "";

  constructor(send: Send, settings: RunSettings) {
    this.#send = send;
    this.#settings = settings;
  }

  /** Prints `values` as Node formats them. */
  log(level: Level, values: readonly unknown[]): void {
    this.write(level, () => format(values));
  }

  /** Prints what `make` makes. It is not called when nothing more may be printed: a flood must cost little. */
  write(level: Level, make: () => Formatted): void {
    const formatted = this.#isSpent ? undefined : make();
    // Again: what was shown may have had a getter that printed, too.
    if (!formatted || this.#isSpent) {
      this.#send("dropped", 1, 0);
      return;
    }
    const { text, cut } = formatted;
    // Twice: indenting must not be given more than a line, and makes it longer.
    const line = slice(text, 0, MAX_LINE);
    const whole = this.#indented(line);
    const kept = utf8Slice(slice(whole, 0, MAX_LINE), this.#settings.limits.logBytes - this.#bytes);
    const lost = cut + (text.length - line.length) + (whole.length - kept.length);
    const isLost = kept === "" && whole !== "";
    if (lost > 0) this.#send("dropped", isLost ? 1 : 0, lost);
    if (isLost) return;
    this.#lines++;
    this.#bytes += utf8Length(kept);
    this.#send("log", level, kept, stack());
  }

  get #isSpent(): boolean {
    const { logLines, logBytes } = this.#settings.limits;
    return this.#lines >= logLines || this.#bytes >= logBytes;
  }

  group(): void {
    this.#groups++;
    this.#setIndent();
  }

  groupEnd(): void {
    if (this.#groups > 0) this.#groups--;
    this.#setIndent();
  }

  #setIndent(): void {
    let indent = "";
    for (let column = 0; column < this.#groups * WIDTH && column < MAX_INDENT; column++) indent += " ";
    this.#indent = indent;
  }

  #indented(text: string): string {
    const indent = this.#indent;
    if (indent === "") return text;
    let indented = indent;
    let from = 0;
    for (let end = indexOf(text, "\n"); end !== -1; end = indexOf(text, "\n", from)) {
      indented += slice(text, from, end + 1) + indent;
      from = end + 1;
    }
    return indented + slice(text, from);
  }
}

/** Where the program printed. */
function stack(): string {
  const site: { readonly stack?: unknown } = {};
  try {
    primordials.captureStackTrace(site);
  } catch {
    return ""; // a help, and the program has its hands in it
  }
  return slice(stackOf(site), 0, MAX_STACK);
}

const MAX_STACK = 2_000; // characters
