import { blank, type Edits } from "./edits.ts";
import { blankExports } from "./exports.ts";
import { type Node, type Parsed, visit } from "./parse.ts";

const COMMON_JS = /\bexports\b/;

/** Lets the program return its value. What moves anything goes through `edits`. */
export function shape(source: string, parsed: Parsed, edits: Edits): string {
  if (parsed.isBody && !COMMON_JS.test(source)) return source;
  const { source: text, statements, value, name, names } = blankExports(source, parsed.statements, edits);
  if (value !== undefined) return `${text}\nreturn ${value};`;
  // What the program runs itself must not run twice.
  const isRun = name !== undefined && functionsOf(statements).includes(name) && isUsed(statements, name, "at the top");
  if (name !== undefined && !isRun) return `${text}\nreturn ${name};`;
  if (statements.some(returns)) return text;
  const candidates = functionsOf(statements).filter((own) => !isUsed(statements, own, "anywhere"));
  const last = statements.findLast(({ type }) => type !== "EmptyStatement");
  const ending =
    last?.type === "FunctionDeclaration" && !candidates.includes("main")
      ? statements.findLast(({ type }) => !/^(?:Empty|FunctionDeclaration)/.test(type))
      : last;
  if (ending?.type === "ExpressionStatement" && ending.directive === undefined)
    return returnValueOf(ending, text, edits);
  const main = mainOf(statements, candidates, names);
  // `result` is the program's own, or else a parameter of the function around it, which it may have set.
  const tail = main !== undefined && !declares(statements, "result") ? `return ${main};` : "return result;";
  return `${text}\n${tail}`;
}

function returnValueOf({ start, expression }: Node, text: string, edits: Edits): string {
  edits.insert(start, "return "); // not of its expression, which begins behind a parenthesis
  // `void main()` is meant to run it, not to lose its value.
  const isVoid = expression?.operator === "void" && expression.argument?.type !== "Literal";
  return isVoid && expression.start === start ? blank(text, start, start + "void".length, "0,") : text;
}

/** The function that is meant to be run, of those that nothing in the program uses. */
function mainOf(
  statements: readonly Node[],
  candidates: readonly string[],
  exported: readonly string[],
): string | undefined {
  if (candidates.includes("main")) return "main";
  if (!statements.every(onlyDeclares)) return undefined;
  if (candidates.includes("run")) return "run";
  const own = candidates.filter((name) => exported.includes(name));
  const [only, another] = own.length > 0 ? own : candidates;
  return another === undefined ? only : undefined;
}

/** The names of the functions at the top. */
function functionsOf(statements: readonly Node[]): string[] {
  const names: string[] = [];
  for (const { type, id, declarations } of statements) {
    if (type === "FunctionDeclaration" && id?.name !== undefined) names.push(id.name);
    for (const declaration of (type === "VariableDeclaration" && declarations) || []) {
      const isFunction = /^(?:Arrow)?FunctionExpression$/.test(declaration.init?.type ?? "");
      if (isFunction && declaration.id?.name !== undefined) names.push(declaration.id.name);
    }
  }
  return names;
}

/** Whether a name stands somewhere outside of its own declaration; at the top is outside of all functions. */
function isUsed(nodes: readonly Node[], name: string, where: "at the top" | "anywhere"): boolean {
  let used = false;
  const others = new Set<unknown>(); // a property of that name is another thing
  visit(nodes, (node) => {
    const { type, id, property, computed, key, value } = node;
    if (used || (id?.name === name && /^(?:Function|Class|Variable)/.test(type))) return false;
    if (where === "at the top" && /Function/.test(type)) return false;
    if (!computed && property?.name === name) others.add(property);
    if (!computed && key?.name === name && key !== value) others.add(key);
    used ||= type === "Identifier" && node.name === name && !others.has(node);
    return undefined;
  });
  return used;
}

/** Whether a statement does nothing yet: no call stands in it outside of functions. */
function onlyDeclares(statement: Node): boolean {
  const { type } = statement;
  if (type === "EmptyStatement" || statement.directive !== undefined) return true;
  if (!/^(?:Function|Class|Variable)Declaration$/.test(type)) return false;
  let calls = false;
  visit(statement, (node) => {
    if (/Function/.test(node.type)) return false;
    if (node.callee?.type === "FunctionExpression" && !node.callee.async) return false; // what an enum is made by
    calls ||= /^(?:CallExpression|AwaitExpression|ImportExpression)$/.test(node.type);
    return undefined;
  });
  return !calls;
}

/** Whether a statement holds a `return` of the program itself, not of a function in it. */
export function returns(statement: Node): boolean {
  let found = false;
  visit(statement, ({ type }) => {
    found ||= type === "ReturnStatement";
    return !found && !/Function|Class|Expression/.test(type);
  });
  return found;
}

function declares(statements: readonly Node[], name: string): boolean {
  return statements.some(({ type, declarations, id }) =>
    type === "VariableDeclaration"
      ? declarations?.some((declaration) => declaration.id?.name === name)
      : id?.name === name,
  );
}
