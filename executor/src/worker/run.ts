import {
  type Call,
  CallKind,
  type CallResult,
  LogLevel,
  OnOversize,
  outputBytes,
  type RunError,
  RunErrorType,
  toMs,
  ValueEncoding,
} from "@codemode/proto/messages";
import type { Done, Run, WorkerEvent } from "@codemode/proto/worker";
import { utf8Slice } from "@codemode/proto/values";
import type { Catalog } from "./catalog.ts";
import { hintFor, hintForSyntax, placeOf, readStack, runError } from "./failure.ts";
import type { Ask } from "../guest/host.ts";
import { mapFrames } from "./frames.ts";
import type { Entry, Isolate, Receive } from "./isolate.ts";
import { now } from "./now.ts";
import { ProgramSyntaxError } from "./parse.ts";
import { prepare, type Program } from "./program.ts";
import { answerOf, callKinds, logLevels, outputItem, settingsOf, textOf, typeOf } from "./translate.ts";

type Event = NonNullable<WorkerEvent["event"]>;
type Ended = NonNullable<Done["result"]>;
type Plain = string | number | boolean;

/**
 * One program in one isolate. What the guest says comes in through `receive`, goes out through `write` as it is said,
 * and is only believed as far as it harms nobody but the program: the session counts again.
 */
export class ProgramRun {
  readonly #run: Run;
  readonly #isolate: Isolate;
  readonly #catalog: Catalog;
  readonly #write: (event: Event) => void;
  readonly #open = new Set<number>();
  /** Entries into the program that the edge was not yet told of. */
  #entries = 0;
  readonly #truncation = { logLines: 0n, logBytes: 0n, result: false, outputs: 0n };
  readonly #warnings: string[] = [];
  /** Spent in the program, but for what it has done again. */
  #busyMs = 0;
  /** Entries to come in which it does again what it did before. */
  #again: number;
  #outputBytes = 0;
  /** Whether the program has done anything that can be seen. */
  #isSilent = true;
  #logRoom: number;
  #program: Program | undefined;
  #ended: Ended | undefined;

  constructor(run: Run, isolate: Isolate, catalog: Catalog, write: (event: Event) => void) {
    this.#run = run;
    this.#catalog = catalog;
    this.#isolate = isolate;
    this.#write = write;
    this.#logRoom = Number(run.budgets?.logBytes ?? 0n);
    this.#again = run.replayedAnswers; // the start, and all of these but the last
  }

  start(): void {
    const { code, context, config } = this.#run;
    try {
      this.#program = prepare(code);
    } catch (error) {
      if (!(error instanceof ProgramSyntaxError)) throw error;
      const { message, position } = error;
      const place = position && placeOf(code, position);
      return this.#endAs(RunErrorType.RUN_ERROR_TYPE_SYNTAX_ERROR, message, {
        name: "SyntaxError",
        hint: hintForSyntax(message),
        ...place,
      });
    }
    const { body } = this.#program;
    const settings = JSON.stringify(settingsOf(this.#run, this.#catalog.globalsIn(code)));
    this.#enter((ms) => this.#isolate.start(ms, body, settings, textOf(context), textOf(config)));
  }

  settle({ seq, result, settledAt }: CallResult): void {
    if (!this.#open.delete(seq)) {
      this.#again -= 1;
      this.#entries += 1;
      return; // given up by the program while the answer was on the way
    }
    const clock = settledAt?.getTime() ?? 0;
    const [kind, text] = answerOf(result);
    this.#enter((ms) => this.#isolate.settle(ms, seq, kind, text, clock));
  }

  /** How the program ended; undefined while it waits for calls. */
  get ended(): Ended | undefined {
    return this.#ended;
  }

  get truncation(): Done["truncation"] {
    return this.#truncation;
  }

  get warnings(): string[] {
    return this.#warnings;
  }

  /**
   * What the guest calls; see `Send` for the kinds. It may be hostile code that calls: unknown kinds and what is no
   * primitive are passed over, and nothing is ever thrown back.
   */
  readonly receive: Receive = (kind, ...values) => {
    if (this.#ended || !values.every(isPlain)) return;
    try {
      this.#take(kind, values);
    } catch {
      process.kill(process.pid, "SIGKILL"); // the edge is gone, or will see that something is wrong here
    }
  };

  /** What the guest asks; see `Ask`. As `receive` is. */
  readonly ask: Ask = (what, kind, name) => {
    if (this.#ended || ![what, kind, name].every((part) => typeof part === "string")) return "";
    return this.#catalog.ask(what, kind, name);
  };

  #take(kind: string, values: Plain[]): void {
    switch (kind) {
      case "call":
        return this.#call(values);
      case "cancel":
        if (this.#open.delete(Number(values[0]))) {
          this.#write({ $case: "callCancelled", value: { seq: Number(values[0]) } });
        }
        return;
      case "log":
        return this.#log(logLevels[String(values[0])] ?? LogLevel.LOG_LEVEL_LOG, String(values[1]), String(values[2]));
      case "dropped":
        return this.#dropped(Number(values[0]), Number(values[1]));
      case "warn":
        return this.#warn(String(values[0]), String(values[1]));
      case "output":
        return this.#output(String(values[0]), String(values[1]), String(values[2]));
      case "cut":
        this.#truncation.result = true;
        return this.#warn(`The value was cut to ${this.#run.budgets?.resultBytes} bytes`, "");
      case "succeed": {
        const data = Buffer.from(this.#inEncodedTerms(String(values[0])), "utf8");
        this.#ended = { $case: "value", value: { encoding: this.#encoding, data } };
        if (data.length === 0 && this.#isSilent) this.#warn(SILENT, "");
        return;
      }
      case "fail":
        this.#fail(values);
    }
  }

  #dropped(lines: number, units: number): void {
    this.#truncation.logLines += BigInt(lines);
    this.#truncation.logBytes += BigInt(units);
    if (this.#run.onOversize === OnOversize.ON_OVERSIZE_FAIL) this.#overOutput("console output");
  }

  #log(level: LogLevel, said: string, stack: string): void {
    this.#isSilent = false;
    const text = this.#inUserTerms(said);
    // The guest has kept to the budget, but the user's file may have a longer name than ours for it.
    const kept = utf8Slice(text, this.#logRoom);
    const isLost = kept === "" && text !== "";
    if (kept !== text) this.#dropped(isLost ? 1 : 0, text.length - kept.length);
    if (!isLost) {
      this.#logRoom -= Buffer.byteLength(kept);
      const line = this.#program && readStack(stack, this.#program, this.#run.fileName).position?.line;
      this.#write({ $case: "log", value: { level, text: kept, ...(line !== undefined && { line }) } });
    }
  }

  /** The same in an encoded value, where a stack is one JSON text; what would no longer fit stays as it is. */
  #inEncodedTerms(text: string): string {
    if (!this.#program || !text.includes(HARNESS)) return text;
    const mapped = text.replace(ENCODED_STACK, (stack) =>
      JSON.stringify(this.#inUserTerms(JSON.parse(stack) as string)),
    );
    return Buffer.byteLength(mapped) <= Number(this.#run.budgets?.resultBytes ?? 0n) ? mapped : text;
  }

  #inUserTerms(text: string): string {
    return this.#program ? mapFrames(text, this.#program, this.#run.fileName) : text;
  }

  get #encoding(): ValueEncoding {
    return this.#run.valueEncoding || ValueEncoding.VALUE_ENCODING_EXACT;
  }

  #output(kind: string, text: string, mimeType: string): void {
    this.#isSilent = false;
    const item = outputItem(
      kind,
      kind === "text" ? this.#inUserTerms(text) : this.#inEncodedTerms(text),
      mimeType,
      this.#encoding,
    );
    if (!item) return;
    this.#outputBytes += outputBytes(item);
    if (this.#outputBytes <= Number(this.#run.budgets?.resultBytes ?? 0n)) {
      return this.#write({ $case: "output", value: { item } });
    }
    if (this.#run.onOversize !== OnOversize.ON_OVERSIZE_TRUNCATE) return this.#overOutput("output");
    this.#truncation.outputs += 1n;
  }

  #overOutput(what: string): void {
    const message = `The ${what} of the program is over its budget`;
    this.#ended = { $case: "error", value: runError(RunErrorType.RUN_ERROR_TYPE_OUTPUT_LIMIT, message) };
  }

  /** `stack` tells the line that it is about. */
  #warn(text: string, stack: string): void {
    if (this.#warnings.length >= MAX_WARNINGS) return;
    const position = this.#program && readStack(stack, this.#program, this.#run.fileName).position;
    this.#warnings.push(`${text.slice(0, MAX_WARNING)}${position ? ` (line ${position.line})` : ""}`);
  }

  get #msLeft(): number {
    const { wallTime } = this.#run.budgets ?? {};
    return (wallTime ? toMs(wallTime) : DEFAULT_WALL_MS) - this.#busyMs;
  }

  #call([seq, kind, name, argument]: Plain[]): void {
    if (kind !== "timer") this.#isSilent = false;
    const call: Call = {
      seq: Number(seq),
      kind: callKinds[String(kind)] ?? CallKind.CALL_KIND_UNSPECIFIED,
      name: String(name),
      arguments: undefined,
      delayMs: 0,
    };
    if (kind === "timer") call.delayMs = Number(argument);
    else call.arguments = { encoding: this.#encoding, data: Buffer.from(String(argument), "utf8") };
    this.#open.add(call.seq);
    this.#write({ $case: "call", value: call });
  }

  #fail(values: Plain[]): void {
    const [type, name, said, stackText, seq, component, code, retryable, hint, signature] = values;
    const message = this.#inUserTerms(String(said));
    const error = {
      ...runError(typeOf(String(type), String(name), message), message),
      name: String(name),
      ...this.#place(String(stackText)),
    };
    const value = {
      ...error,
      hint: String(hint) || hintFor(error, this.#catalog),
      signature: String(signature),
      component: String(component),
      code: String(code),
      retryable: retryable === true,
      ...(Number(seq) > 0 ? { seq: Number(seq) } : {}),
    };
    // What is wrong with the value has no stack, but it came out of a `return`.
    const isOfValue = type === "Unserializable" || type === "OutputLimit";
    const position = isOfValue && value.line === undefined ? this.#program?.returnedAt : undefined;
    if (position) Object.assign(value, placeOf(this.#run.code, position));
    this.#ended = { $case: "error", value };
  }

  /** Where in the program a stack begins, as far as it tells. */
  #place(stackText: string): Pick<RunError, "stack" | "line" | "column"> & Partial<RunError> {
    if (!this.#program) return { stack: "" };
    const mark = /^codemode:place:(\d+)$/.exec(stackText)?.[1];
    if (mark !== undefined) {
      const position = this.#program.marked(Number(mark));
      return { stack: "", ...(position && placeOf(this.#run.code, position)) };
    }
    const { stack, position } = readStack(stackText, this.#program, this.#run.fileName);
    return { stack, ...(position && placeOf(this.#run.code, position)) };
  }

  #enter(entry: (ms: number) => Entry): void {
    const before = now();
    const isAgain = this.#again > 0;
    this.#again -= 1;
    const left = entry(isAgain ? AGAIN_MS : this.#msLeft);
    if (!isAgain) this.#busyMs += now() - before;
    this.#afterEntry(left);
  }

  /** The program has returned to us: it has ended, waits for calls, or can never go on. */
  #afterEntry({ overdue, unhandled }: Entry): void {
    if (unhandled && !this.#isolate.isDead) {
      this.#warn(`A failure that nobody awaited: ${unhandled.message}`, unhandled.stack);
    }
    if (this.#ended) return;
    if (this.#isolate.isDead) {
      this.#endAs(RunErrorType.RUN_ERROR_TYPE_MEMORY_LIMIT, "The program used more memory than it may");
    } else if (overdue !== undefined) {
      this.#endAs(RunErrorType.RUN_ERROR_TYPE_TIMEOUT, "The time of the run is over", this.#place(overdue));
    } else if (this.#open.size > 0) {
      this.#entries += 1;
    } else {
      const message = "The program awaits something that nothing can settle: no call is in flight and no timer is set";
      const position = this.#program?.marked(this.#isolate.stuck());
      this.#endAs(RunErrorType.RUN_ERROR_TYPE_DEADLOCK, message, position && placeOf(this.#run.code, position));
    }
  }

  /** To be called when there is no answer to be given at once: the program waits. */
  wait(): void {
    if (this.#ended || this.#entries === 0) return;
    this.#write({ $case: "idle", value: { entries: this.#entries, open: this.#open.size } });
    this.#entries = 0;
  }

  #endAs(type: RunErrorType, message: string, place: Partial<RunError> = {}): void {
    this.#ended = { $case: "error", value: { ...runError(type, message), ...place } };
  }
}

const HARNESS = "codemode:"; // in the name of every file of ours
const ENCODED_STACK = /(?<="stack":)"(?:[^"\\]|\\.)*"/g;
const MAX_WARNINGS = 20;
const MAX_WARNING = 500; // characters
const DEFAULT_WALL_MS = 30_000;
const AGAIN_MS = 2 ** 31 - 1; // the edge knows how long it may take
const SILENT = "The program returned nothing, printed nothing and called nothing: is a `return` missing?";

function isPlain(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}
