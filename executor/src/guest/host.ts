/** Why the program was given an error. */
export interface Failure {
  /** What failed, when it was a component. */
  readonly kind?: "tool" | "agent";
  /** What it was called with. */
  readonly input?: unknown;
  readonly type: string;
  /** The call that failed, from 1; 0 when it was none. */
  readonly seq: number;
  readonly component: string;
  readonly code: string;
  readonly retryable: boolean;
}

/**
 * One of the two functions that a worker puts into an isolate: what the guest tells. Each argument is a primitive: nothing else crosses.
 * Synchronous, so that a program that floods waits for its reader. It never throws.
 *
 * | kind | arguments |
 * |---|---|
 * | `call` | seq, `tool`, `agent`, `next` or `timer`, name, encoded arguments or delay in milliseconds |
 * | `cancel` | seq of a call that is no longer waited for |
 * | `log` | level, text, stack of where it was printed |
 * | `dropped` | lines, characters that were left out |
 * | `warn` | text, stack of what it is about |
 * | `output` | `text`, `json` or `image`; text, encoded value or base64; MIME type or empty |
 * | `cut` | – (the value is not whole) |
 * | `succeed` | encoded value |
 * | `fail` | type, name, message, stack, seq or 0, component, code, retryable, hint, signature |
 */
export type Send = (kind: string, ...values: readonly (string | number | boolean)[]) => void;

/**
 * The other function that a worker puts into an isolate: what the program may call, and what few programs need. Synchronous; it never
 * throws, and answers what it does not know with an empty text.
 *
 * | what | arguments | answer |
 * |---|---|---|
 * | `has` | `tool` or `agent`, name | `component`, ` group` when names begin with it and a dot, or both |
 * | `entry` | `tool` or `agent`, name | its row: JSON of name, description, input schema, output schema |
 * | `names` | – | JSON: names of tools, of agents |
 * | `rows` | – | JSON: rows of tools, of agents |
 * | `table` | –, name | JSON: a table of a library of the guest's |
 */
export type Ask = (what: string, kind: string, name: string) => string;

/** In which encoding a call was answered, that it returned a stream, or that it failed. */
export type AnswerKind = "exact" | "json" | "stream" | "error";

/** What a run begins with, as JSON text from the worker. */
export interface RunSettings {
  /** Tools, and groups of tools, that the program may mean by their name alone: `add()`, `github.search()`. */
  readonly globals: readonly string[];
  /** How the program's values are to be written. */
  readonly mode: "exact" | "json";
  readonly contextMode: "exact" | "json";
  readonly configMode: "exact" | "json";
  /** 32 hexadecimal digits. */
  readonly seed: string;
  /** Milliseconds since the epoch. */
  readonly clock: number;
  readonly limits: {
    readonly calls: number;
    readonly callsInFlight: number;
    readonly argumentBytes: number;
    readonly resultBytes: number;
    readonly logBytes: number;
    readonly logLines: number;
  };
  /** Undefined: a value fails, logs are cut. */
  readonly onOversize?: "fail" | "truncate";
}
