import { foreignNames, marked } from "../registry/sources/names.ts";
import { listOf, type Node, nodeOf, type Reader, textOf } from "./document.ts";

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"] as const;
/** The standard says that these mean nothing as parameters. */
const NOT_PARAMETERS = new Set(["accept", "content-type", "authorization"]);
const MAX_OPERATIONS = 10_000;

/** Where a parameter goes. */
export type Place = "path" | "query" | "header" | "cookie";

export interface Parameter {
  /** What a program calls it. */
  readonly key: string;
  readonly name: string;
  readonly place: Place;
  readonly isRequired: boolean;
  readonly description: string;
  readonly schema: unknown;
  readonly style: string;
  readonly explode: boolean;
  /** It is sent as JSON. */
  readonly isJson: boolean;
}

export interface Body {
  readonly type: string;
  readonly schema: unknown;
  readonly isRequired: boolean;
}

/** One operation of a document. */
export interface Operation {
  readonly name: string;
  /** The document says what it is called. */
  readonly isNamed: boolean;
  readonly method: string;
  readonly path: string;
  readonly description: string;
  readonly parameters: readonly Parameter[];
  readonly body: Body | undefined;
  /** Schemas of the JSON that it answers; undefined when it may answer something else. */
  readonly answers: readonly unknown[] | undefined;
  /** Where its document says that it is. */
  readonly server: string | undefined;
}

/** Every operation of a document. */
export function operationsOf(reader: Reader): readonly Operation[] {
  const operations: Operation[] = [];
  for (const [path, given] of Object.entries(nodeOf(reader.document["paths"]))) {
    if (!path.startsWith("/")) continue;
    const item = reader.resolve(given);
    for (const method of METHODS) {
      if (typeof item[method] !== "object" || method === "trace") continue;
      operations.push(toOperation(reader, path, method, item, reader.resolve(item[method])));
      if (operations.length > MAX_OPERATIONS) throw reader.refusal(`it has more than ${MAX_OPERATIONS} operations`);
    }
  }
  return named(reader, operations);
}

/** Under names that can stand, no two of which are one. */
function named(reader: Reader, operations: readonly Operation[]): readonly Operation[] {
  const times = Map.groupBy(operations, ({ name }) => name);
  const names = foreignNames(
    operations.map(({ name, path, isNamed }) => (isNamed || times.get(name)?.length === 1 ? name : marked(name, path))),
  );
  const seen = new Map<string, string>();
  return operations.map((operation, index) => {
    const name = names[index] as string;
    const where = `${operation.method} ${operation.path}`;
    const other = seen.get(name);
    if (other !== undefined) throw reader.refusal(`${where} and ${other} are both called "${name}"`);
    seen.set(name, where);
    return { ...operation, name };
  });
}

function toOperation(reader: Reader, path: string, method: string, item: Node, operation: Node): Operation {
  const { operationId, summary, description, parameters, requestBody, responses, servers } = operation;
  const all = parametersOf(reader, [...listOf(item["parameters"]), ...listOf(parameters)]);
  const declared = new Set(all.filter(({ place }) => place === "path").map(({ name }) => name));
  const missing = [...path.matchAll(/\{([^{}]*)\}/g)].find(([, name = ""]) => !declared.has(name));
  if (missing) throw reader.refusal(`${method.toUpperCase()} ${path} has no parameter for ${missing[0]}`);
  const both = [textOf(summary), textOf(description)].filter(
    (text, at, texts) => text !== "" && texts.indexOf(text) === at,
  );
  return {
    name: textOf(operationId) || nameOf(method, path),
    isNamed: textOf(operationId) !== "",
    method: method.toUpperCase(),
    path,
    description: both.join("\n").slice(0, 8_192),
    parameters: all,
    body: bodyOf(reader, requestBody),
    answers: answersOf(reader, responses),
    server: serverOf([servers, item["servers"], reader.document["servers"]]),
  };
}

/** `get_users_id` */
function nameOf(method: string, path: string): string {
  return `${method}_${path}`.replaceAll(/[^A-Za-z0-9$-]+/g, "_").replace(/_$/, "");
}

/** Those of the path and the operation, which goes first. Where two have one name, each is called by its place as well. */
function parametersOf(reader: Reader, given: readonly unknown[]): readonly Parameter[] {
  const found = new Map<string, Node>();
  for (const each of given) {
    const parameter = reader.resolve(each);
    const { name, in: place } = parameter;
    if (typeof name !== "string" || !["path", "query", "header", "cookie"].includes(String(place))) continue;
    if (place === "header" && NOT_PARAMETERS.has(name.toLowerCase())) continue;
    found.set(`${String(place)} ${name}`, parameter);
  }
  const all = [...found.values()];
  const times = Map.groupBy(all, ({ name }) => name);
  return all.map((parameter) => {
    const name = textOf(parameter["name"]);
    const place = parameter["in"] as Place;
    const content = nodeOf(parameter["content"]);
    const [media] = Object.values(content);
    const style = textOf(parameter["style"]) || (place === "query" || place === "cookie" ? "form" : "simple");
    const isTaken = name === "body" || name === "__proto__" || times.get(name)?.length !== 1;
    return {
      key: isTaken ? `${place}_${name}` : name,
      name,
      place,
      isRequired: place === "path" || parameter["required"] === true,
      description: textOf(parameter["description"]),
      schema: parameter["schema"] ?? nodeOf(media)["schema"] ?? {},
      style,
      explode: typeof parameter["explode"] === "boolean" ? parameter["explode"] : style === "form",
      isJson: media !== undefined,
    };
  });
}

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\b/i;

function bodyOf(reader: Reader, given: unknown): Body | undefined {
  const { content, required } = reader.resolve(given);
  const types = Object.keys(nodeOf(content));
  const known = [JSON_TYPE, /^application\/x-www-form-urlencoded/i, /^multipart\/form-data/i];
  const type =
    known.map((pattern) => types.find((type) => pattern.test(type))).find((type) => type !== undefined) ?? types[0];
  if (type === undefined) return undefined;
  return { type, schema: nodeOf(nodeOf(content)[type])["schema"] ?? {}, isRequired: required === true };
}

/** What it answers when it succeeds. */
function answersOf(reader: Reader, responses: unknown): readonly unknown[] | undefined {
  const all = Object.entries(nodeOf(responses));
  const good = all.filter(([status]) => /^2(\d\d|XX)$/i.test(status));
  const counted = good.length > 0 ? good : all.filter(([status]) => status === "default");
  const schemas = counted.map(([, response]) => {
    const content = Object.entries(nodeOf(reader.resolve(response)["content"]));
    return content.length === 1 && JSON_TYPE.test(content[0]?.[0] ?? "")
      ? nodeOf(content[0]?.[1])["schema"]
      : undefined;
  });
  return schemas.length > 0 && schemas.every((schema) => schema !== undefined) ? schemas : undefined;
}

function serverOf(places: readonly unknown[]): string | undefined {
  const server = nodeOf(places.map((servers) => listOf(servers)[0]).find((server) => server !== undefined));
  const variables = nodeOf(server["variables"]);
  const url = textOf(server["url"]).replaceAll(/\{([^}]*)\}/g, (_, name: string) =>
    textOf(nodeOf(variables[name])["default"]),
  );
  return url === "" ? undefined : url;
}
