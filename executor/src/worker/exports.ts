import { blank, type Edits } from "./edits.ts";
import { type Node, placeOfNode, ProgramSyntaxError } from "./parse.ts";

/** What a program exports, and its source without the words that do so. */
export interface Exports {
  readonly source: string;
  /** An expression for the default export that has no name of its own. */
  readonly value?: string;
  /** The declaration that is the default export. */
  readonly name?: string;
  /** Of `export { a, b }`. */
  readonly names: readonly string[];
  /** The statements that are left, declarations without their `export`. */
  readonly statements: readonly Node[];
}

const VALUE = "$out"; // `const $out` is shorter than all that it replaces
const MAIN = /^(?:default|main|run)$/;

/** Takes `export` and `module.exports =` away, by blanks and by text of the same length. */
export function blankExports(source: string, statements: readonly Node[], edits: Edits): Exports {
  let text = source;
  let value: string | undefined;
  let name: string | undefined;
  const names: string[] = [];
  const left: Node[] = [];
  const assigned = statements.filter((statement) => isCommonJs(source, statement));
  for (const statement of statements) {
    const { start, end, type, declaration } = statement;
    if (type === "ExportNamedDeclaration" && declaration) {
      text = blank(text, start, start + "export".length);
      left.push(declaration);
    } else if (type === "ExportNamedDeclaration" && !statement.source) {
      text = blank(text, start, end);
      for (const { local, exported } of statement.specifiers ?? []) {
        if ((exported?.name ?? exported?.value) === "default") name = local?.name;
        else if (local?.name !== undefined) names.push(local.name);
      }
    } else if (type === "ExportDefaultDeclaration" && declaration) {
      if (declaration.type === "Identifier") {
        name = declaration.name;
        text = blank(text, start, end);
      } else if (declaration.type.endsWith("Declaration") && declaration.id) {
        name = declaration.id.name;
        text = blank(text, start, declaration.start);
        left.push(declaration);
      } else {
        value = valueOf(declaration);
        text = blank(text, start, declaration.start, `const ${VALUE} =`);
        edits.insert(end, ";"); // what follows may begin with a parenthesis
      }
    } else if (type === "ImportDeclaration" || type.startsWith("Export")) {
      const message = "A program has no modules to import from or export to: call the given tools instead";
      throw new ProgramSyntaxError(message, placeOfNode(source, statement));
    } else if (assigned.length === 1 && statement === assigned[0]) {
      const { left: target, right } = statement.expression as Node & { left: Node; right: Node };
      const named = mainIn(right)?.value ?? right;
      if (named.type === "Identifier" && named.name !== undefined) {
        name = named.name;
        text = blank(text, start, end);
        continue;
      }
      value = valueOf(right);
      text = blank(text, target.start, target.end, `const ${VALUE}`);
      edits.insert(end, ";");
    } else left.push(statement);
  }
  const hasDefault = { ...(value !== undefined && { value }), ...(name !== undefined && { name }) };
  return { source: text, names, statements: left, ...hasDefault };
}

/** The function in an object of exports that is meant to be run: `{ main }`, `{ async run() {…} }`. */
function mainIn({ properties }: Node): { name: string; value: Node } | undefined {
  for (const { key, value } of properties ?? []) {
    const name = key?.name ?? "";
    const node = value as Node | undefined;
    if (node && MAIN.test(name) && /Function|Identifier/.test(node.type)) return { name, value: node };
  }
  return undefined;
}

function valueOf(node: Node): string {
  const main = mainIn(node);
  return main ? `${VALUE}.${main.name}` : VALUE;
}

/** Whether a statement exports as CommonJS does: `module.exports = …`, `exports.main = …`. */
function isCommonJs(source: string, { type, expression }: Node): boolean {
  if (type !== "ExpressionStatement" || expression?.operator !== "=" || !expression.left) return false;
  const { start, end } = expression.left;
  return /^(?:module\.exports|(?:module\.)?exports\.(?:default|main|run))$/.test(
    source.slice(start, Math.min(end, start + 30)),
  );
}
