/** What opens a level costs up to 2 KiB of stack in oxc, a link of a chain half of that. */
const BRACKET = 8;
const LINK = 4;
const OPERAND = 1; // of a left-associative chain, which it reads in a loop
const CHARACTER = 0.5; // of which the longest chains of all are made: `!!!`
/** Reached at 1,000 brackets in each other or 2,000 links of a chain; measured, it dies behind 4,000 and 8,000. */
const MOST = 8_000;
/** What all of a source costs together, when it cannot be too deep in whatever way it is nested: three quarters of the stack. */
const MOST_IN_ALL = 24_000;
/** What nests without a bracket and has an end that is hard to see: of each half of what a parser survives, all of it nested. */
const LOOSE = [
  [/[<>]/g, 40_000],
  [/\b(?:else|do)\b/g, 14_000],
] as const;

/** Words behind which an expression or a statement goes on, so that a line that ends in one is not over. */
const OPEN_WORD =
  /^(?:if|else|for|while|do|with|typeof|void|delete|await|yield|new|return|throw|case|in|of|instanceof|keyof|extends|infer|as|satisfies|readonly|unique|async|is|asserts|export|default)$/;
const BEFORE_STATEMENT = /^(?:if|for|while|with|await)$/;
const TOKEN =
  /\s+|\/\/.*|\/\*[\s\S]*?(?:\*\/|$)|"(?:[^"\\\n]+|\\[^])*"?|'(?:[^'\\\n]+|\\[^])*'?|[\p{L}\p{N}_$#]+|=>|[=!]==?|&&|\|\||\?\?|\?\.|[^]/guy;
const REGEXP = /(?<whole>\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/)|.*/y;
const TEMPLATE = /(?:[^`\\$]+|\\[^]|\$(?!\{))*(?:`|\$\{|$)/y;

interface Level {
  /** Of everything around the level. */
  readonly outside: number;
  /** What the links of the chain at this level cost, since something ended. */
  chain: number;
  /** `Array<Array<`: a comma does not end them, nor the chain that they are in. */
  angles: number;
  readonly isTemplate: boolean;
  /** Whether it is the condition of a statement, which follows it. */
  readonly isCondition: boolean;
}

/**
 * Whether `source` is nested so deeply that a parser in native code, which has no guard of its own, could overflow the
 * stack. A guess by tokens, because it comes before all parsers: brackets count as long as they are open, operators and
 * words that nest until the statement or the element ends.
 */
export function isTooDeep(source: string): boolean {
  if (inAll(source) < MOST_IN_ALL) return false; // nearly all are done with here, in a tenth of the time
  if (LOOSE.some(([token, most]) => count(source, token) > most)) return true;
  let level: Level = { outside: 0, chain: 0, angles: 0, isTemplate: false, isCondition: false };
  const levels = [level];
  let previous = ";"; // the last token that is no white space
  let isNewLine = false;
  let noRegExpBefore = 0;
  const open = (isTemplate: boolean): void => {
    const outside = level.outside + level.chain + level.angles + BRACKET;
    level = { outside, chain: 0, angles: 0, isTemplate, isCondition: BEFORE_STATEMENT.test(previous) };
    levels.push(level);
  };
  let at = 0;
  const template = (): void => {
    TEMPLATE.lastIndex = at;
    const text = TEMPLATE.exec(source)?.[0] ?? "";
    at += text.length;
    if (text.endsWith("${")) open(true);
    previous = text.endsWith("${") ? "(" : "`";
  };
  while (at < source.length) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(source)?.[0] ?? " ";
    let { length } = token;
    if (token === "/" && at >= noRegExpBefore && !endsOperand(previous)) {
      REGEXP.lastIndex = at;
      const { groups } = REGEXP.exec(source) as RegExpExecArray;
      if (groups?.["whole"] !== undefined) ({ length } = groups["whole"]);
      else noRegExpBefore = REGEXP.lastIndex; // or else each slash of the line would be tried again
    }
    at += length;
    if (/^(?:\s|\/[/*])/.test(token)) {
      isNewLine ||= /[\n\r\u2028\u2029]/.test(token);
      continue;
    }
    const isWord = /^[\p{L}\p{N}_$#"']/u.test(token);
    const isStart = isWord && (isNewLine ? endsStatement(previous) : previous === "}");
    if (isStart && !/^(?:else|catch|finally|in|of|instanceof|as|satisfies|extends|while)$/.test(token)) {
      level.chain = level.angles = 0;
    }
    if (previous === ";" && token !== "else") level.chain = level.angles = 0;
    isNewLine = false;
    if (token === "`") {
      level.chain += OPERAND;
      template();
    } else if (/^[([{]$/.test(token)) {
      open(false);
      previous = token;
    } else if (/^[)\]}]$/.test(token)) {
      const { isTemplate, isCondition } = level;
      if (levels.length > 1) levels.pop();
      level = levels.at(-1) as Level;
      level.chain += LINK;
      if (isTemplate && token === "}") template();
      else previous = isCondition ? "if" : token;
    } else {
      previous = token;
      if (token === "," && level.angles === 0) level.chain = 0;
      else if (token === "<") level.angles += BRACKET;
      else if (token === ">") level.angles = Math.max(0, level.angles - BRACKET);
      else if (!isWord) level.chain += /^(?:[.+\-|&/]|[=!]==?|&&|\|\||\?[?.])$/.test(token) ? OPERAND : LINK;
      else if (OPEN_WORD.test(token)) level.chain += LINK;
    }
    if (level.outside + level.chain + level.angles > MOST) return true;
  }
  return false;
}

function inAll(source: string): number {
  return count(source, /[([{<]/g) * BRACKET + count(source, /[=?:@]/g) * LINK + source.length * CHARACTER;
}

/** How often `token`, which is global, stands in a text. */
export function count(source: string, token: RegExp): number {
  return source.match(token)?.length ?? 0;
}

/** Whether a statement may end behind a token. */
function endsStatement(token: string): boolean {
  return endsOperand(token) && !OPEN_WORD.test(token);
}

function endsOperand(token: string): boolean {
  return /^(?:[)\]`]|\}|[\p{L}\p{N}_$#"'].*)$/su.test(token) && !OPEN_WORD.test(token);
}
