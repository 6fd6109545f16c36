import type {
  AnyNode,
  ArrowFunctionExpression,
  CallExpression,
  Expression,
  FunctionDeclaration,
  FunctionExpression,
  ModuleDeclaration,
  ObjectExpression,
  Program,
  SpreadElement,
  Statement,
} from "acorn";
import { type Names, survey, visit } from "./names.ts";

// Calls that a program is certain to make
// ==========================================================================
// A program is read in the order in which it runs, as far as that order is the same whatever its tools answer.
//
// C1  A call is certain when no condition, loop, handler of errors or function that may not run stands around it.
// C2  Behind a statement that may leave early nothing is certain.
// C3  A call counts when its failure is the program's: it is awaited, or returned, with nothing in between.
// C4  A name means what it means to everybody: a program that binds `tools`, or reaches for what `Promise` is made of, is
//     not read.

/** A call of a tool with an object literal, which every run of the program makes, or fails before. */
export interface CertainCall {
  /** `tools.github.search` as `["github", "search"]`. */
  readonly path: readonly string[];
  readonly input: ObjectExpression;
}

type Fn = FunctionDeclaration | FunctionExpression | ArrowFunctionExpression;
type Part = Statement | ModuleDeclaration;

export function certainCalls({ body }: Program): readonly CertainCall[] {
  const names = survey(body);
  const entry = entryOf(body, names);
  const bound = names.bound("tools") - (entry && takesTools(entry) ? 1 : 0);
  if (names.isStrange || bound > 0 || names.bound("Promise") > 0 || body.some(isModulePart)) return [];
  if (names.count("module") + names.count("exports") > 0) return []; // by which a program says what its value is
  const reader = new Reader(names);
  reader.know(body);
  if (entry?.body.type === "BlockStatement" && body.length === 1) reader.know(entry.body.body);
  reader.read(body, body.some(returns) ? undefined : body.findLast(({ type }) => type !== "EmptyStatement"));
  if (entry) reader.enter(entry);
  return reader.calls;
}

/** The function that is the program: its one expression, or a `main` that nothing in it names. */
function entryOf(body: readonly Part[], names: Names): Fn | undefined {
  const [only] = body;
  if (body.length === 1 && only?.type === "ExpressionStatement") {
    return isFunction(only.expression) ? only.expression : undefined;
  }
  const declares = ({ type }: Part) => type === "FunctionDeclaration" || type === "VariableDeclaration";
  if (names.count("main") !== 1 || names.count("result") > 0 || !body.every(declares)) return undefined;
  return functionsOf(body).get("main");
}

/** `({ tools }) =>`: those that every program has. */
function takesTools({ params: [first] }: Fn): boolean {
  if (first?.type !== "ObjectPattern") return false;
  return first.properties.some(
    (property) => property.type === "Property" && property.shorthand && isNamed(property.value, "tools"),
  );
}

class Reader {
  readonly calls: CertainCall[] = [];
  readonly #names: Names;
  readonly #functions = new Map<string, Fn>();
  /** Those that are being read: a function that calls itself is read once. */
  readonly #inside = new Set<Fn>();

  constructor(names: Names) {
    this.#names = names;
  }

  /** Lets calls of these functions be followed. */
  know(statements: readonly Part[]): void {
    for (const [name, fn] of functionsOf(statements)) if (this.#names.bound(name) === 1) this.#functions.set(name, fn);
  }

  /** Reads statements until one may leave; then false. The value of `last`, an expression, is the program's. */
  read(statements: readonly Part[], last?: Part): boolean {
    return statements.every((statement) => this.#statement(statement as Statement, statement === last));
  }

  /** Reads the body of a function that is called, and whose value is awaited: of any other no call counts. */
  enter(fn: Fn): void {
    if (fn.generator || this.#inside.has(fn)) return;
    this.#inside.add(fn);
    if (fn.body.type === "BlockStatement") this.read(fn.body.body);
    else this.#value(fn.body, true);
    this.#inside.delete(fn);
  }

  #statement(node: Statement, isValue: boolean): boolean {
    switch (node.type) {
      case "ExpressionStatement":
        this.#value(node.expression, isValue);
        return true;
      case "VariableDeclaration":
        for (const { init } of node.declarations) this.#value(init);
        return true;
      case "ReturnStatement":
        this.#value(node.argument, true);
        return false;
      case "ThrowStatement":
        this.#value(node.argument);
        return false;
      case "BlockStatement":
        return this.read(node.body);
      case "IfStatement":
      case "WhileStatement":
        this.#value(node.test);
        return !mayLeave(node);
      case "ForOfStatement":
      case "ForInStatement":
        this.#value(node.right);
        return !mayLeave(node);
      case "SwitchStatement":
        this.#value(node.discriminant);
        return !mayLeave(node);
      default:
        return !mayLeave(node);
    }
  }

  /** Reads an expression that is evaluated. Whether its promise, if it is one, is awaited is said by `isAwaited`. */
  #value(node: Expression | SpreadElement | AnyNode | null | undefined, isAwaited = false): void {
    switch (node?.type) {
      case "AwaitExpression":
        return this.#value(node.argument, true);
      case "CallExpression":
        return this.#call(node, isAwaited);
      case "NewExpression":
        return this.#values([node.callee, ...node.arguments]);
      case "MemberExpression":
        this.#value(node.object);
        return node.computed ? this.#value(node.property) : undefined;
      case "ArrayExpression":
        return this.#values(node.elements);
      case "ObjectExpression":
        return this.#values(node.properties);
      case "Property":
        if (node.computed) this.#value(node.key);
        return this.#value(node.value);
      case "SpreadElement":
      case "UnaryExpression":
        return this.#value(node.argument);
      case "TemplateLiteral":
        return this.#values(node.expressions);
      case "BinaryExpression":
        return this.#values([node.left, node.right]);
      case "LogicalExpression":
        return this.#value(node.left);
      case "ConditionalExpression":
        return this.#value(node.test);
      case "AssignmentExpression":
        return node.operator === "=" ? this.#value(node.right) : undefined;
      case "SequenceExpression":
        this.#values(node.expressions.slice(0, -1));
        return this.#value(node.expressions.at(-1), isAwaited);
      default:
        return undefined; // what may not be evaluated, or holds no call
    }
  }

  #values(nodes: readonly (AnyNode | null)[]): void {
    for (const node of nodes) this.#value(node);
  }

  #call(node: CallExpression, isAwaited: boolean): void {
    const { callee, arguments: given } = node;
    const [first, second] = given;
    if (isAwaited && isPromiseAll(callee) && first?.type === "ArrayExpression" && !second) {
      for (const element of first.elements) this.#value(element, element?.type !== "SpreadElement");
      return;
    }
    this.#values(given);
    const fn = callee.type === "Identifier" ? this.#functions.get(callee.name) : isFunction(callee) && callee;
    if (fn) return isAwaited ? this.enter(fn) : undefined;
    const path = pathOf(callee);
    if (!path) return this.#value(callee);
    if (isAwaited && first?.type === "ObjectExpression" && !second) this.calls.push({ path, input: first });
  }
}

/** The functions that statements declare, by their names. */
function functionsOf(statements: readonly Part[]): Map<string, Fn> {
  const functions = new Map<string, Fn>();
  for (const statement of statements) {
    if (statement.type === "FunctionDeclaration") functions.set(statement.id.name, statement);
    if (statement.type !== "VariableDeclaration") continue;
    for (const { id, init } of statement.declarations) {
      if (id.type === "Identifier" && isFunction(init)) functions.set(id.name, init);
    }
  }
  return functions;
}

/** `tools.a["b"]` as `["a", "b"]`. */
function pathOf(node: AnyNode): string[] | undefined {
  const path: string[] = [];
  let at = node;
  for (; at.type === "MemberExpression"; at = at.object) {
    const { property, computed } = at;
    if (!computed && property.type === "Identifier") path.unshift(property.name);
    else if (computed && property.type === "Literal" && typeof property.value === "string")
      path.unshift(property.value);
    else return undefined;
  }
  return path.length > 0 && isNamed(at, "tools") ? path : undefined;
}

function isPromiseAll(node: AnyNode): boolean {
  const isPlain = node.type === "MemberExpression" && !node.computed;
  return isPlain && isNamed(node.object, "Promise") && isNamed(node.property, "all");
}

function isNamed(node: AnyNode, name: string): boolean {
  return node.type === "Identifier" && node.name === name;
}

function isFunction(node: AnyNode | null | undefined): node is FunctionExpression | ArrowFunctionExpression {
  return node?.type === "FunctionExpression" || node?.type === "ArrowFunctionExpression";
}

function isModulePart({ type }: Part): boolean {
  return type.startsWith("Import") || type.startsWith("Export");
}

/** Whether a statement holds a `return` or a `throw` of the function that it is in. */
function mayLeave(statement: AnyNode): boolean {
  return holds(statement, /^(?:Return|Throw)Statement$/);
}

function returns(statement: AnyNode): boolean {
  return holds(statement, /^ReturnStatement$/);
}

function holds(statement: AnyNode, what: RegExp): boolean {
  let found = false;
  visit(statement, ({ type }) => {
    found ||= what.test(type);
    return !found && !/Function|Class|Expression$/.test(type);
  });
  return found;
}
