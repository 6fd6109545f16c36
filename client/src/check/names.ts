import type { AnyNode } from "acorn";

/** What the names of a program tell of it. */
export interface Names {
  /** Places where a name stands that is not a property. */
  count(name: string): number;
  /** Places that declare a name or assign to it. */
  bound(name: string): number;
  /** Whether the program may change what the language is made of. */
  readonly isStrange: boolean;
}

/** Names of the object that holds all others, and of what makes code of text. */
const STRANGE_NAMES = words("globalThis self window global eval Function Reflect");
/** Properties without whose names no program gets at what promises are made of. */
const STRANGE_PROPERTIES = words(
  "prototype __proto__ constructor getPrototypeOf setPrototypeOf defineProperty defineProperties " +
    "getOwnPropertyDescriptor getOwnPropertyDescriptors __defineGetter__ __defineSetter__",
);

function words(text: string): ReadonlySet<unknown> {
  return new Set(text.split(" "));
}

export function survey(nodes: readonly AnyNode[]): Names {
  const counts = new Map<string, number>();
  const bindings = new Map<string, number>();
  const properties = new Set<unknown>();
  const plain = new Set<unknown>(); // uses of `Promise` that leave it as it is
  let isStrange = false;
  const add = (to: Map<string, number>, name: string) => to.set(name, (to.get(name) ?? 0) + 1);
  const bind = (pattern: AnyNode | null | undefined): void => {
    switch (pattern?.type) {
      case "Identifier":
        return void add(bindings, pattern.name);
      case "ObjectPattern":
        return pattern.properties.forEach(bind);
      case "Property":
        return bind(pattern.value);
      case "ArrayPattern":
        return pattern.elements.forEach(bind);
      case "AssignmentPattern":
        return bind(pattern.left);
      case "RestElement":
        return bind(pattern.argument);
      case "MemberExpression":
        isStrange ||= pattern.object.type === "Identifier" && pattern.object.name === "Promise";
        return undefined;
      default:
        return undefined;
    }
  };
  for (const node of nodes) {
    visit(node, (node) => {
      switch (node.type) {
        case "VariableDeclarator":
          bind(node.id);
          break;
        case "FunctionDeclaration":
        case "FunctionExpression":
        case "ArrowFunctionExpression":
          bind(node.id);
          node.params.forEach(bind);
          break;
        case "ClassDeclaration":
        case "ClassExpression":
          bind(node.id);
          break;
        case "CatchClause":
          bind(node.param);
          break;
        case "AssignmentExpression":
        case "ForInStatement":
        case "ForOfStatement":
          bind(node.left);
          break;
        case "UpdateExpression":
          bind(node.argument);
          break;
        case "UnaryExpression":
          if (node.operator === "delete") bind(node.argument);
          break;
        case "MemberExpression":
          isStrange ||= isStrangeKey(node.property);
          if (!node.computed) properties.add(node.property);
          if (!node.computed) plain.add(node.object);
          break;
        case "Property":
          if (!node.computed && !node.shorthand) properties.add(node.key);
          break;
        case "NewExpression":
          plain.add(node.callee);
          break;
        case "Identifier":
          if (!properties.has(node)) add(counts, node.name);
          isStrange ||= STRANGE_NAMES.has(node.name) && !properties.has(node);
          isStrange ||= node.name === "Promise" && !plain.has(node) && !properties.has(node);
          break;
        case "ObjectPattern":
          isStrange ||= node.properties.some((part) => part.type === "Property" && isStrangeKey(part.key));
          break;
        default:
      }
      return true;
    });
  }
  return {
    count: (name) => counts.get(name) ?? 0,
    bound: (name) => bindings.get(name) ?? 0,
    isStrange,
  };
}

function isStrangeKey(key: AnyNode): boolean {
  return STRANGE_PROPERTIES.has(key.type === "Identifier" ? key.name : key.type === "Literal" && key.value);
}

/** Calls `look` with every node of a tree, outer ones first; what is below a node for which it says false is left out. */
export function visit(root: AnyNode, look: (node: AnyNode) => boolean): void {
  const open: unknown[] = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (typeof node !== "object" || node === null) continue;
    if ("type" in node && "start" in node && !look(node as AnyNode)) continue;
    for (const [key, value] of Object.entries(node)) if (key !== "loc") open.push(value);
  }
}
