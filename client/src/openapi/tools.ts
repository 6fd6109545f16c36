import { IDEMPOTENT } from "../http.ts";
import type { CallInfo, ToolDefinition } from "../registry/component.ts";
import type { JsonSchema } from "../registry/json-schema.ts";
import type { Schema } from "../registry/schema.ts";
import { withOrigin } from "../registry/sources/origins.ts";
import { type OpenApiDocument, Reader } from "./document.ts";
import { exchange } from "./exchange.ts";
import { type Operation, operationsOf } from "./operations.ts";
import { prepareRequest } from "./request.ts";
import { SchemaMaker } from "./schemas.ts";

/** An operation of an OpenAPI document, as its tool calls it. */
export interface OpenApiOperation {
  /** Of its tool. */
  readonly name: string;
  readonly method: string;
  /** As the document writes it: `/users/{id}`. */
  readonly path: string;
  readonly url: URL;
}

/** How to make tools of an OpenAPI document. */
export interface OpenApiOptions {
  /**
   * Where the API is, such as `https://api.example.com/v1`.
   *
   * @defaultValue the first of `servers`
   */
  readonly baseUrl?: string;
  /** Headers for each request, such as the app's credentials: `call.context` has the run's secrets. They win over parameters. */
  readonly headers?: (
    operation: OpenApiOperation,
    call: CallInfo,
  ) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
  /**
   * Sends the requests.
   *
   * @defaultValue the global `fetch`
   */
  readonly fetch?: typeof fetch;
  /**
   * Checks what the API answers. Without, its schemas are told to the model only.
   *
   * @defaultValue true
   */
  readonly checkAnswers?: boolean;
}

type Tools = Record<string, ToolDefinition<Schema, Schema | undefined>>;

/**
 * Makes a tool of each operation of an OpenAPI document, 3.0 or 3.1, for `registerAll`. It is called as its `operationId` says, or
 * `get_users_id`. Its input has the parameters by their names (`query_id` where there is another `id`), and `body`.
 *
 * Nothing but the document is read: what it refers to elsewhere is refused. Redirects are followed on the same origin alone.
 *
 * @throws {@link RegistryError} when it is no such document, or an operation cannot be called.
 */
export function openApiTools(document: OpenApiDocument, options: OpenApiOptions = {}): Tools {
  const reader = new Reader(document);
  const tools = operationsOf(reader).map((operation) => [operation.name, toTool(reader, operation, options)] as const);
  return withOrigin(Object.fromEntries(tools), reader.origin);
}

function toTool(reader: Reader, operation: Operation, options: OpenApiOptions): Tools[string] {
  const { name, method, path, description } = operation;
  const baseUrl = baseOf(reader, operation, options);
  const output = outputOf(reader, operation);
  return {
    description: description === "" ? `${method} ${path}` : description,
    inputSchema: inputOf(reader, operation),
    outputSchema: output && options.checkAnswers === false ? told(output) : output,
    idempotent: IDEMPOTENT.has(method),
    async execute(input: unknown, call) {
      const prepared = prepareRequest(operation, baseUrl, (input ?? {}) as Record<string, unknown>);
      const added = (await options.headers?.({ name, method, path, url: prepared.url }, call)) ?? {};
      for (const [header, value] of Object.entries(added)) prepared.headers[header.toLowerCase()] = value;
      return exchange(options.fetch ?? fetch, operation, prepared, call.signal);
    },
  };
}

function baseOf(reader: Reader, operation: Operation, { baseUrl }: OpenApiOptions): string {
  const text = baseUrl ?? operation.server ?? "";
  const url = URL.parse(text);
  if (url && /^https?:$/.test(url.protocol) && url.search === "" && url.hash === "") return text;
  throw reader.refusal(`${JSON.stringify(text.slice(0, 200))} is no URL of a server; pass { baseUrl: "https://…" }`);
}

function inputOf(reader: Reader, { parameters, body, name }: Operation): JsonSchema {
  const schema = new SchemaMaker(reader, "input").whole((schemaOf) => {
    const properties = parameters.map(({ key, schema, description }) => {
      const made = schemaOf(schema);
      const isTold = description === "" || typeof made === "boolean" || "description" in made;
      return [key, isTold ? made : { ...made, description }] as const;
    });
    const required = parameters.filter(({ isRequired }) => isRequired).map(({ key }) => key);
    return {
      type: "object",
      properties: { ...Object.fromEntries(properties), ...(body && { body: bodyOf(body, schemaOf) }) },
      required: body?.isRequired ? [...required, "body"] : required,
      additionalProperties: false,
    };
  });
  if (schema) return schema;
  throw reader.refusal(`what "${name}" takes has more schemas than a model can read`);
}

/** Bytes have no word in JSON Schema. */
function bodyOf({ type, schema }: NonNullable<Operation["body"]>, schemaOf: (schema: unknown) => JsonSchema | boolean) {
  const isStructured = /json|urlencoded|^multipart\/form-data|^text\//i.test(type);
  return isStructured ? schemaOf(schema) : { type: "string", description: type };
}

function outputOf(reader: Reader, { answers }: Operation): JsonSchema | undefined {
  if (!answers) return undefined;
  return new SchemaMaker(reader, "output").whole((schemaOf) => {
    const [first, ...others] = answers.map(schemaOf);
    const schema: JsonSchema | boolean | undefined = others.length === 0 ? first : { anyOf: [first, ...others] };
    return typeof schema === "object" ? schema : undefined;
  });
}

function told(schema: JsonSchema): Schema {
  const made = () => schema;
  const validate = (value: unknown) => ({ value });
  return {
    "~standard": { version: 1, vendor: "codemode", validate, jsonSchema: { input: made, output: made } },
  };
}
