import { primordials } from "../values/primordials.ts";

const { charCodeAt, indexOf, max, numberToString, regExpExec, slice, stringify, toUpperCase } = primordials;

const ordinary = /^[ -~]*$/;
const identifier = /^[A-Za-z_$][\w$]*$/;

/**
 * A text of somebody else's, as it may stand in a comment: nothing that ends the comment or a Markdown fence around it,
 * nothing that is not seen (controls, bidi marks, tags and other carriers of hidden text), no half of a surrogate pair,
 * no empty lines, and no more than about `most` UTF-16 units.
 */
export function commentText(text: string, most: number): string {
  const isCut = text.length > most;
  const kept = isCut ? slice(text, 0, most) : text;
  const isPlain =
    regExpExec(ordinary, kept) !== null &&
    indexOf(kept, "*/") === -1 &&
    indexOf(kept, "``") === -1 &&
    indexOf(kept, "  ") === -1;
  return trimEnd(isPlain ? kept : cleaned(kept)) + (isCut ? " …" : "");
}

function cleaned(text: string): string {
  let out = "";
  let last = 32; // the code before: a space, so that none is at the start
  for (let at = 0; at < text.length; at++) {
    const code = charCodeAt(text, at);
    if (isHigh(code) && at + 1 < text.length && isLow(charCodeAt(text, at + 1))) {
      at++;
      if (isTag(code)) continue;
      out += slice(text, at - 1, at + 1);
      last = code;
      continue;
    }
    if (isBreak(code)) {
      if (last === 10 || out === "") continue;
      out = `${trimEnd(out)}\n`;
      last = 10;
    } else if (code === 9 || code === 32 || code === 0xa0) {
      if (last === 32 || last === 10) continue;
      out += " ";
      last = 32;
    } else if (!isUnseen(code)) {
      if (code === 47 && last === 42) out += "\\/";
      else if (code === 96 && (last === 96 || charCodeAt(text, at + 1) === 96)) {
        out += "'"; // two or more: one alone marks a word as code
      } else out += slice(text, at, at + 1);
      last = code;
    }
  }
  return out;
}

function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && (charCodeAt(text, end - 1) === 32 || charCodeAt(text, end - 1) === 10)) end--;
  return end === text.length ? text : slice(text, 0, end);
}

/** A text as a literal of TypeScript in double quotes: what is not seen, and runs of backticks, are written as escapes. */
export function quoted(text: string): string {
  const literal = stringify(text);
  if (regExpExec(ordinary, literal) !== null && indexOf(literal, "``") === -1) return literal;
  let out = "";
  for (let at = 0; at < literal.length; at++) {
    const code = charCodeAt(literal, at);
    const next = at + 1 < literal.length ? charCodeAt(literal, at + 1) : 0;
    if (isHigh(code) && isLow(next)) {
      out += isTag(code) ? escaped(code) + escaped(next) : slice(literal, at, at + 2);
      at++;
    } else {
      const isShown = !isUnseen(code) && !isBreak(code) && code !== 0xa0 && !(code === 96 && next === 96);
      out += isShown ? slice(literal, at, at + 1) : escaped(code);
    }
  }
  return out;
}

function escaped(code: number): string {
  const digits = numberToString(code, 16);
  return `\\u${slice("0000", 0, max(0, 4 - digits.length))}${digits}`;
}

/** How a member of that name is written: as it is, or quoted. */
export function keyOf(name: string): string {
  return isIdentifier(name) ? name : quoted(name);
}

export function isIdentifier(name: string): boolean {
  return regExpExec(identifier, name) !== null;
}

/** `git_hub.search-users` as `GitHubSearchUsers`. */
export function pascal(name: string): string {
  let text = "";
  let isStart = true;
  for (let at = 0; at < name.length; at++) {
    const letter = slice(name, at, at + 1);
    const code = charCodeAt(letter, 0);
    const isPart = (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57);
    if (isPart) text += isStart ? toUpperCase(letter) : letter;
    isStart = !isPart;
  }
  return isIdentifier(text) ? text : `T${text}`;
}

function isBreak(code: number): boolean {
  return code === 10 || code === 13 || code === 0x2028 || code === 0x2029;
}

function isHigh(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}

function isLow(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff;
}

/** The first half of a tag or a variation selector of plane 14: no eye sees them, and models read them. */
function isTag(code: number): boolean {
  return code === 0xdb40 || code === 0xdb41;
}

/** Controls, marks that turn the direction of text, joiners, fillers, variation selectors, halves of pairs. */
function isUnseen(code: number): boolean {
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return true;
  if (code < 0x300) return code === 0xad;
  if (code < 0x2000) {
    return (
      code === 0x34f ||
      code === 0x61c ||
      code === 0x115f ||
      code === 0x1160 ||
      code === 0x17b4 ||
      code === 0x17b5 ||
      (code >= 0x180b && code <= 0x180f)
    );
  }
  return (
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x202a && code <= 0x202e) ||
    (code >= 0x2060 && code <= 0x206f) ||
    code === 0x3164 ||
    (code >= 0xd800 && code <= 0xdfff) ||
    (code >= 0xfe00 && code <= 0xfe0f) ||
    code === 0xfeff ||
    code === 0xffa0 ||
    (code >= 0xfff0 && code <= 0xfffb)
  );
}
