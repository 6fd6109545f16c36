import { globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

interface Program {
  readonly name: string;
  readonly code: string;
}

const files = globSync(fileURLToPath(new URL("fixtures/programs/*.txt", import.meta.url))).toSorted();

/**
 * The programs of tests/fixtures/programs: each begins with `### its name`, and with ` | one | two` behind it is several, which have
 * that text for each `$` outside of `${`.
 */
export const programs: readonly Program[] = files.flatMap(read);

function read(file: string): Program[] {
  const sections = readFileSync(file, "utf8").split(/^### /m).slice(1);
  return sections.flatMap((section) => {
    const end = section.indexOf("\n");
    const [title = "", ...given] = section.slice(0, end).split(/ \|(?: |$)/);
    const name = `${basename(file, ".txt")}: ${title}`;
    const code = section.slice(end + 1);
    if (given.length === 0) return [{ name, code }];
    // `$` alone is the place; `$$`, `$&`, `$1` and their like are the program's own.
    return given.map((text) => ({
      name: `${name} (${text})`,
      code: code.replaceAll(/(?<!\\)\$(?![{$&`'<0-9])(?!\w\w)/g, () => text),
    }));
  });
}
