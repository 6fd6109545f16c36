/** A call of a tool with an object literal as its one argument, in a program's text. */
export interface LiteralCall {
  /** `tools.github.search` as `["github", "search"]`. */
  readonly path: readonly string[];
  /** Where the literal begins, and the place behind its end. */
  readonly start: number;
  readonly end: number;
  /** Whether all its members are written out: no spread, no computed name. */
  readonly isWhole: boolean;
  /** Parts of it that are not literals of objects and arrays: in parentheses or templates, where functions may be. */
  readonly inner: readonly (readonly [start: number, end: number])[];
}

const CALL = /(?<![\w$.])tools((?:\.[A-Za-z_$][\w$]*|\["[^"\\\n]+"\]|\['[^'\\\n]+'\])+)\(\s*(?=\{)/g;
const PART = /\.([A-Za-z_$][\w$]*)|\["([^"]+)"\]|\['([^']+)'\]/g;
const STEP =
  /\/\/[^\n]*|\/\*[^]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\$]|\\[^]|\$(?!\{))*`|=>|\.\.\.|[/`{}()[\]]|[^/`{}()[\]"'=.]+|[^]/gy;
/** A constant, up to what ends it in a literal. */
const CONSTANT = /(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|-?\d+(?:\.\d+)?|true|false)(?=\s*[,}\]])/y;
const KEY = /(?:[A-Za-z_$][\w$]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')\s*:\s*/y;

/**
 * The calls that can be told without a parser. What is not understood is left out: regular expressions, divisions and
 * templates with parts of code in them, for example.
 */
export function literalCalls(code: string): LiteralCall[] {
  const calls: LiteralCall[] = [];
  for (const match of code.matchAll(CALL)) {
    const start = match.index + match[0].length;
    const path = Array.from(
      (match[1] ?? "").matchAll(PART),
      ([, plain, double, single]) => plain ?? double ?? single ?? "",
    );
    const read = readLiteral(code, start);
    // With a second argument the first would not be the input.
    if (read && /^\s*,?\s*\)/.test(code.slice(read.end, read.end + 100))) calls.push({ path, start, ...read });
  }
  return calls;
}

function readLiteral(code: string, start: number): Pick<LiteralCall, "end" | "isWhole" | "inner"> | undefined {
  const open: string[] = [];
  const inner: [number, number][] = [];
  let isWhole = true;
  let from = 0;
  STEP.lastIndex = start;
  for (let match = STEP.exec(code); match; match = STEP.exec(code)) {
    const [step] = match;
    if (step === "/" || step === "`" || step === "=>") return undefined;
    if (step === "...") isWhole = false;
    if (
      step === "[" &&
      open.length > 0 &&
      /[{,]\s*$/.test(code.slice(Math.max(start, match.index - 100), match.index)) &&
      open.at(-1) === "{"
    ) {
      isWhole = false; // a computed name
    }
    if (step === "(" && !open.includes("(")) from = match.index;
    if (step === "{" || step === "(" || step === "[") open.push(step);
    else if (step === "}" || step === ")" || step === "]") {
      const opened = open.pop();
      if (`${opened}${step}` !== "{}" && `${opened}${step}` !== "()" && `${opened}${step}` !== "[]") return undefined;
      if (step === ")" && !open.includes("(")) inner.push([from, match.index]);
      if (open.length === 0) return { end: match.index + 1, isWhole, inner };
    }
  }
  return undefined;
}

/** Whether a constant stands at `at`, or as the value of the member whose name stands there. */
export function isConstantAt(code: string, at: number): boolean {
  KEY.lastIndex = at;
  const key = KEY.exec(code);
  CONSTANT.lastIndex = at + (key?.[0].length ?? 0);
  return CONSTANT.test(code);
}
