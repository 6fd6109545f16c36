import { PROGRAM, type Program } from "./program.ts";

const FRAME = /^\s+at /;
const PLACE = new RegExp(`${PROGRAM}(?::(\\d+):(\\d+))?`, "g");
/** V8 calls the program itself `eval`. */
const OWN = new RegExp(`^(\\s+at (?:async )?)eval \\((${PROGRAM}:\\d+:\\d+)\\)`);
/** A frame of the harness, and what follows where the error is shown inside of something else: ` {` or `,`. */
const GUEST = /codemode:guest:\d+:\d+\)?(.*)$/;
const NATIVE = /^\s+at .*\(<anonymous>\)/;

/** `text` with every place of the program as one in the user's file, and without the stack frames of the harness. */
export function mapFrames(text: string, program: Program, fileName: string): string {
  if (!text.includes("codemode:")) return text;
  const lines: string[] = [];
  let natives = 0; // frames of built-ins at the end of `lines`: called by the harness, if its own frame is next
  for (const line of text.split("\n")) {
    const isFrame = FRAME.test(line);
    const guest = isFrame ? GUEST.exec(line) : null;
    if (guest) {
      lines.length -= natives;
      natives = 0;
      if (lines.length > 0) lines[lines.length - 1] += guest[1] ?? "";
      continue;
    }
    natives = isFrame && NATIVE.test(line) ? natives + 1 : 0;
    const bare = isFrame ? line.replace(OWN, "$1$2") : line;
    const mapped = bare.replace(PLACE, (_place, atLine?: string, atColumn?: string) => {
      const at = atLine === undefined ? undefined : program.locate(Number(atLine), Number(atColumn));
      return at ? `${fileName}:${at.line}:${at.column}` : fileName;
    });
    lines.push(mapped);
  }
  return lines.join("\n");
}
