import type { Edits } from "./edits.ts";
import { type Parsed, visit } from "./parse.ts";

/** The places that the guest knows by a number, as offsets. */
export interface Places {
  readonly marks: readonly number[];
  /** The one `for await`, which the guest knows nothing of. */
  readonly loop: number | undefined;
}

/** Only such programs can wait for ever, because every call is settled by somebody, or throw what has no stack. */
const NEEDED = /\bPromise\b|\bthen\b|\bthrow\b(?!\s+new\b)/;
/** Or else a promise waits for itself, by a name: there awaits of calls stay as they are, so that V8 sees through them. */
const BY_NAME = /\bawait\b[\s(]+[\w$.]+\s*(?:[^\s\w$.(`]|\n|$)/;
const LOOP = /\bfor\s+await\b/;

/**
 * Lets the guest know where the program stands: `await x` becomes `await $codemodeAwait(<index>, x)`, and `throw x`
 * likewise.
 */
export function mark(source: string, parsed: Parsed, edits: Edits): Places {
  const marks: number[] = [];
  const loops: number[] = [];
  const all = NEEDED.test(source);
  if (!all && !BY_NAME.test(source) && !LOOP.test(source)) return { marks, loop: undefined };
  visit(parsed.statements, (node) => {
    const { type, start, end, argument } = node;
    if (type === "AwaitExpression" && (all || argument?.type !== "CallExpression")) {
      edits.insert(start + "await".length, ` $codemodeAwait(${marks.length},`);
      edits.insert(end, ")");
      marks.push(start);
    } else if (type === "ThrowStatement" && argument && argument.type !== "NewExpression") {
      edits.insert(argument.start, `$codemodeThrow(${marks.length},`);
      edits.insert(argument.end, ")");
      marks.push(start);
    } else if (type === "ForOfStatement" && node.await) loops.push(start);
    return undefined;
  });
  return { marks, loop: loops.length === 1 ? loops[0] : undefined };
}
