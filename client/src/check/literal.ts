import type { AnyNode, ArrayExpression, ObjectExpression, Property } from "acorn";
import { keyOf } from "@codemode/proto/discovery";

/** Where a line of what was written comes from. */
export interface Written {
  readonly text: string;
  /** The name of a member, an item, or the literal itself. */
  readonly node: AnyNode;
  /** Whether what stands there is certain to be there: `{ a: undefined }` is how JavaScript leaves `a` out. */
  readonly isThere: boolean;
}

const ANYTHING = "$any";

/**
 * An object literal as TypeScript that stands on its own, a line for each member and item: constants as they are, and what
 * only the run knows as anything. So a compiler refuses it only when no run could make a value of it that has the type.
 * Undefined where nothing can be said of the whole.
 *
 * @param mayLack Whether a member may be left out, by an `undefined` that only the run knows, without a doubt of the rest.
 */
export function writeLiteral(node: ObjectExpression, mayLack: boolean): readonly Written[] | undefined {
  const lines: Written[] = [];
  const line = (text: string, at: AnyNode, isThere = true) => void lines.push({ text, node: at, isThere });
  const value = (before: string, of: AnyNode, at: AnyNode): void => {
    const constant = constantOf(of);
    if (constant !== undefined) line(`${before}${constant},`, at);
    else if (of.type === "ObjectExpression" && isPlain(of, mayLack)) {
      line(`${before}{`, at);
      for (const property of of.properties as Property[]) {
        value(`${keyOf(nameOf(property) as string)}: `, property.value, property.key);
      }
      line("},", at);
    } else if (of.type === "ArrayExpression" && isList(of)) {
      line(`${before}[`, at);
      for (const item of of.elements as AnyNode[]) value("", item, item);
      line("],", at);
    } else line(`${before}${ANYTHING},`, at, isDefined(of));
  };
  if (!isPlain(node, mayLack)) return undefined;
  value("", node, node);
  return lines;
}

/** Whether all of an object is written out, and nothing of it is made when it is sent. */
function isPlain({ properties }: ObjectExpression, mayLack: boolean): boolean {
  const names = new Set<string>();
  return properties.every((property) => {
    if (property.type !== "Property" || property.kind !== "init") return false;
    const name = nameOf(property);
    if (name === undefined || name === "__proto__" || name === "toJSON" || names.has(name)) return false;
    names.add(name);
    return mayLack || isDefined(property.value);
  });
}

function isList({ elements }: ArrayExpression): boolean {
  return elements.every((item) => item !== null && item.type !== "SpreadElement");
}

function nameOf({ key, computed }: Property): string | undefined {
  if (computed) return undefined;
  if (key.type === "Identifier") return key.name;
  const isText = key.type === "Literal" && typeof key.value === "string";
  return isText ? String(key.value) : undefined;
}

function constantOf(node: AnyNode): string | undefined {
  if (node.type === "UnaryExpression" && node.operator === "-" && node.argument.type === "Literal") {
    return typeof node.argument.value === "number" ? numberOf(-node.argument.value) : undefined;
  }
  if (node.type !== "Literal") return undefined;
  if (typeof node.value === "number") return numberOf(node.value);
  return typeof node.value === "string" || typeof node.value === "boolean" ? JSON.stringify(node.value) : undefined;
}

function numberOf(value: number): string | undefined {
  return Number.isFinite(value) ? String(value) : undefined;
}

/** Whether an expression is something, whatever it is. */
function isDefined(node: AnyNode): boolean {
  return (
    /^(?:Literal|Object|Array|TemplateLiteral|UpdateExpression|BinaryExpression)/.test(node.type) ||
    constantOf(node) !== undefined
  );
}
