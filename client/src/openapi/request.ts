import { ToolError } from "../errors.ts";
import type { Operation, Parameter } from "./operations.ts";

/** What is to be sent. */
export interface Prepared {
  readonly url: URL;
  readonly headers: Record<string, string>;
  readonly body: string | Uint8Array | FormData | URLSearchParams | undefined;
}

type Input = Readonly<Record<string, unknown>>;

/** Puts the input of a call where its operation wants each part of it. */
export function prepareRequest(operation: Operation, baseUrl: string, input: Input): Prepared {
  const headers: Record<string, string> = { accept: "application/json, text/*;q=0.9, */*;q=0.5" };
  const query: [string, string][] = [];
  const cookies: string[] = [];
  let { path } = operation;
  for (const parameter of operation.parameters) {
    const value = ownOf(input, parameter.key);
    if (value === undefined) continue;
    if (parameter.place === "path") path = path.replaceAll(`{${parameter.name}}`, () => pathPart(parameter, value));
    else if (parameter.place === "query") query.push(...queryPairs(parameter, value));
    else if (parameter.place === "header") headers[parameter.name.toLowerCase()] = headerText(simple(parameter, value));
    else cookies.push(`${encodeURIComponent(parameter.name)}=${encoded(parameter, simple(parameter, value))}`);
  }
  if (cookies.length > 0) headers["cookie"] = cookies.join("; ");
  const url = new URL(baseUrl.replace(/\/$/, "") + path);
  for (const [name, value] of query) url.searchParams.append(name, value);
  const { type, body } = bodyFor(operation, ownOf(input, "body"));
  if (type !== undefined) headers["content-type"] = type;
  return { url, headers, body };
}

/** Parameters may be called `toString`, which every object has. */
function ownOf(input: Input, key: string): unknown {
  return Object.hasOwn(input, key) ? input[key] : undefined;
}

/** One segment, or what is left of it: a value cannot lead to another path. */
function pathPart(parameter: Parameter, value: unknown): string {
  const text = simple(parameter, value);
  if (text === "" || /^\.{1,2}$/.test(text)) {
    throw new ToolError(`"${parameter.key}" cannot be ${JSON.stringify(text)}: it is part of a path`, {
      code: "INVALID",
    });
  }
  return encoded(parameter, text);
}

function encoded({ key }: Parameter, text: string): string {
  if (text.isWellFormed()) return encodeURIComponent(text);
  throw new ToolError(`"${key}" has half of a character: it cannot be sent`, { code: "INVALID" });
}

function queryPairs(parameter: Parameter, value: unknown): [string, string][] {
  const { name, style, explode, isJson } = parameter;
  if (isJson) return [[name, JSON.stringify(value)]];
  if (Array.isArray(value)) {
    if (explode) return value.map((item) => [name, scalar(item)]);
    const separator = style === "spaceDelimited" ? " " : style === "pipeDelimited" ? "|" : ",";
    return [[name, value.map(scalar).join(separator)]];
  }
  if (typeof value !== "object" || value === null) return [[name, scalar(value)]];
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  if (style === "deepObject") return entries.map(([key, item]) => [`${name}[${key}]`, scalar(item)]);
  if (explode) return entries.map(([key, item]) => [key, scalar(item)]);
  return [[name, entries.flatMap(([key, item]) => [key, scalar(item)]).join(",")]];
}

function simple({ isJson, explode }: Parameter, value: unknown): string {
  if (isJson) return JSON.stringify(value);
  if (Array.isArray(value)) return value.map(scalar).join(",");
  if (typeof value !== "object" || value === null) return scalar(value);
  return Object.entries(value)
    .map(([key, item]) => (explode ? `${key}=${scalar(item)}` : `${key},${scalar(item)}`))
    .join(",");
}

function scalar(value: unknown): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

function headerText(text: string): string {
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(text)) return text;
  throw new ToolError("A header has no line breaks, and no characters beyond Latin-1", { code: "INVALID" });
}

function bodyFor({ body }: Operation, value: unknown): { type?: string; body: Prepared["body"] } {
  if (!body || value === undefined) return { body: undefined };
  if (/json/i.test(body.type)) return { type: body.type, body: JSON.stringify(value) };
  const isFields = typeof value === "object" && value !== null && !ArrayBuffer.isView(value);
  if (/urlencoded/i.test(body.type) && isFields) return { body: new URLSearchParams(fieldsOf(value)) };
  if (/^multipart\/form-data/i.test(body.type) && isFields) {
    const form = new FormData();
    for (const [name, text] of fieldsOf(value)) form.append(name, text);
    return { body: form };
  }
  if (typeof value === "string" || value instanceof Uint8Array) return { type: body.type, body: value };
  return { type: body.type, body: scalar(value) };
}

function fieldsOf(value: object): [string, string][] {
  return Object.entries(value).flatMap(([name, item]: [string, unknown]) => {
    if (item === undefined) return [];
    return (Array.isArray(item) ? item : [item]).map((each): [string, string] => [name, scalar(each)]);
  });
}
