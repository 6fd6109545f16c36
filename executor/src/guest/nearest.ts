import { primordials, setOwn } from "@codemode/proto/values";

const { abs, charCodeAt, indexOf, MathFloor, MathMin, slice, toLowerCase, Uint8Array } = primordials;

const MAX_NAMES = 2_000; // more are not looked at: the program pays for the search with its CPU time
const MAX_LENGTH = 128;
const MAX_FOUND = 3;

// Rows of the matrix of distances, used again and again.
let last = new Uint8Array(MAX_LENGTH + 2);
let row = new Uint8Array(MAX_LENGTH + 2);

/** Up to three of `names` that `name` may have been meant to be, the nearest first. */
export function nearest(name: string, names: readonly string[]): string[] {
  const wanted = canonical(name);
  const within = wanted.length <= 4 ? 1 : MathMin(5, MathFloor(wanted.length / 2));
  const letters = lettersOf(wanted);
  const words = sortedWords(name);
  const found: string[] = [];
  const distances: number[] = [];
  const add = (candidate: string, distance: number): void => {
    let at = found.length;
    for (; at > 0 && (distances[at - 1] as number) > distance; at--) {
      setOwn(found, at, found[at - 1]);
      setOwn(distances, at, distances[at - 1]);
    }
    setOwn(found, at, candidate);
    setOwn(distances, at, distance);
    if (found.length > MAX_FOUND) found.length = distances.length = MAX_FOUND;
  };
  for (let index = 0; index < names.length && index < MAX_NAMES; index++) {
    const candidate = names[index] as string;
    const other = canonical(candidate);
    const most = found.length < MAX_FOUND ? within : (distances[MAX_FOUND - 1] as number) - 1;
    if (other.length === wanted.length && sortedWords(candidate) === words) add(candidate, 0);
    else if (abs(other.length - wanted.length) <= most && bits(letters ^ lettersOf(other)) <= 2 * most) {
      const distance = distanceOf(wanted, other, most);
      if (distance <= most) add(candidate, distance);
    }
  }
  for (let index = 0; index < names.length && index < MAX_NAMES && found.length < MAX_FOUND; index++) {
    const candidate = names[index] as string;
    const other = canonical(candidate);
    const isPart =
      wanted.length > 2 && other.length > 2 && (indexOf(other, wanted) !== -1 || indexOf(wanted, other) !== -1);
    if (isPart && !isIn(found, candidate)) add(candidate, Infinity);
  }
  return found;
}

/** A name without what models get wrong in it: case, dashes, underscores, dots. */
export function canonical(name: string): string {
  let text = "";
  for (let at = 0; at < name.length && at < MAX_LENGTH; at++) {
    const code = charCodeAt(name, at);
    if (code !== 45 && code !== 46 && code !== 95) text += slice(name, at, at + 1);
  }
  return slice(toLowerCase(text), 0, MAX_LENGTH);
}

/** The words of a name in one order, so that `listUsers` is `users.list`. */
function sortedWords(name: string): string {
  const words: string[] = [];
  let word = "";
  const end = (): void => {
    const ended = word;
    if (ended === "") return;
    word = "";
    let at = words.length;
    for (; at > 0 && (words[at - 1] as string) > ended; at--) setOwn(words, at, words[at - 1]);
    setOwn(words, at, ended);
  };
  for (let at = 0; at < name.length && at < MAX_LENGTH; at++) {
    const code = charCodeAt(name, at);
    const isBreak = code === 45 || code === 46 || code === 95;
    if (isBreak || (code >= 65 && code <= 90)) end();
    if (!isBreak) word += toLowerCase(slice(name, at, at + 1));
  }
  end();
  let text = "";
  for (let index = 0; index < words.length; index++) text += `${words[index]} `;
  return text;
}

/** Which letters a text has, one bit for each. */
function lettersOf(text: string): number {
  let letters = 0;
  for (let at = 0; at < text.length; at++) letters |= 1 << (charCodeAt(text, at) & 31);
  return letters;
}

function bits(mask: number): number {
  let count = 0;
  for (let left = mask; left !== 0; left &= left - 1) count++;
  return count;
}

/** Levenshtein's, as far as `most`; `most + 1` stands for all that is farther. */
function distanceOf(a: string, b: string, most: number): number {
  for (let j = 0; j <= b.length; j++) last[j] = j;
  for (let i = 1; i <= a.length; i++) {
    row[0] = i;
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const same = charCodeAt(a, i - 1) === charCodeAt(b, j - 1) ? 0 : 1;
      const cost = MathMin((last[j] as number) + 1, (row[j - 1] as number) + 1, (last[j - 1] as number) + same);
      row[j] = cost;
      least = MathMin(least, cost);
    }
    if (least > most) return most + 1;
    const swap = last;
    last = row;
    row = swap;
  }
  return MathMin(last[b.length] as number, most + 1);
}

function isIn(list: readonly string[], text: string): boolean {
  for (let index = 0; index < list.length; index++) if (list[index] === text) return true;
  return false;
}
