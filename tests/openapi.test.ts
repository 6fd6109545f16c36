import { createServer, type IncomingMessage } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ComponentRegistry,
  type OpenApiDocument,
  type OpenApiOptions,
  openApiTools,
  RuntimeContext,
} from "../client/src/index.ts";
import { callInfo, callTool, inputOf, namesOf } from "./source-fixture.ts";

/** What the API was asked last. */
interface Asked {
  readonly line: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

let asked: Asked[] = [];
let baseUrl: string;
const server = createServer(async (request, response) => {
  const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>)).toString();
  asked.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
  const { pathname } = new URL(request.url ?? "/", "http://x");
  const send = (status: number, value: unknown, headers: Record<string, string> = {}) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(typeof value === "string" ? value : JSON.stringify(value));
  };
  if (pathname.startsWith("/v1/pets"))
    return send(200, { id: 1, name: "Rex", friend: { id: 2, name: "Ada", friend: null } });
  if (pathname === "/v1/wrong") return send(200, { id: "one" });
  if (pathname === "/v1/text") return send(200, "plain", { "content-type": "text/plain" });
  if (pathname === "/v1/bytes") return send(200, "\u0001\u0002", { "content-type": "application/octet-stream" });
  if (pathname === "/v1/none") return send(204, "");
  if (pathname === "/v1/missing") return send(404, { message: "no such pet" });
  if (pathname === "/v1/busy") return send(503, "later");
  if (pathname === "/v1/liar") return send(200, "<html>");
  if (pathname === "/v1/endless") return void response.writeHead(200).end(Buffer.alloc(3_000_000));
  if (pathname === "/v1/moved") return send(302, "", { location: "/v1/text" });
  if (pathname === "/v1/away") return send(302, "", { location: "http://localhost:1/elsewhere" });
  if (pathname === "/v1/circle") return send(307, "", { location: "/v1/circle" });
  if (pathname === "/v1/full") return send(429, "later");
  if (pathname === "/v1/reset") return void request.socket.destroy();
  if (pathname === "/v1/half")
    return void response.writeHead(200, { "content-length": 100 }).write("half", () => response.destroy());
  if (pathname === "/v1/see-other") return send(303, "", { location: "/v1/text" });
  if (pathname === "/v1/see-busy") return send(303, "", { location: "/v1/full" });
  if (pathname === "/v1/unchanged") return void response.writeHead(304, { location: "/v1/text" }).end();
  return send(200, {});
});

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
});
afterAll(() => server.close());

const pet = {
  type: "object",
  required: ["id", "name"],
  properties: {
    id: { type: "integer", readOnly: true },
    name: { type: "string", example: "Rex" },
    friend: { $ref: "#/components/schemas/Pet" },
  },
};

/** An API of one operation, or of some. */
const document = (paths: object, more: object = {}): OpenApiDocument => ({
  openapi: "3.1.0",
  info: { title: "Pets", version: "1" },
  components: { schemas: { Pet: { ...pet, type: ["object", "null"] } } },
  paths,
  ...more,
});

async function tools(paths: object, options: OpenApiOptions = {}, more: object = {}): Promise<ComponentRegistry> {
  asked = [];
  const registry = new ComponentRegistry();
  await registry.registerAll(openApiTools(document(paths, more), { baseUrl, ...options }));
  return registry;
}

const json = (schema: object) => ({ content: { "application/json": { schema } } });
const ref = { $ref: "#/components/schemas/Pet" };

describe("operations become tools", () => {
  test("that are named, described and typed, with what they refer to", async () => {
    const registry = await tools({
      "/pets/{id}": {
        parameters: [{ name: "id", in: "path", required: true, schema: { type: "integer" }, description: "Which" }],
        get: {
          operationId: "getPet",
          summary: "Tells",
          description: "One pet",
          responses: { 200: json(ref), 404: {} },
        },
        put: { requestBody: { required: true, ...json(ref) }, responses: { 204: {} } },
      },
    });
    expect(namesOf(registry)).toEqual(["getPet", "put_pets_id"]);
    expect(registry.getTool("getPet")).toMatchObject({
      description: "Tells\nOne pet",
      origin: 'the OpenAPI document "Pets"',
      idempotent: true,
    });
    const Pet = {
      type: ["object", "null"],
      required: ["name"],
      properties: { id: { type: "integer" }, name: { type: "string" }, friend: { $ref: "#/$defs/Pet" } },
    };
    expect(inputOf(registry, "put_pets_id")).toEqual({
      type: "object",
      properties: { id: { type: "integer", description: "Which" }, body: { $ref: "#/$defs/Pet" } },
      required: ["id", "body"],
      additionalProperties: false,
      $defs: { Pet },
    });
    expect(JSON.parse(registry.getTool("getPet").output.json)).toEqual({
      ...ref,
      $ref: "#/$defs/Pet",
      $defs: { Pet: { ...Pet, required: ["id", "name"] } },
    });
    expect(await callTool(registry, "getPet", { id: 1 })).toMatchObject({ name: "Rex", friend: { name: "Ada" } });
    await expect(callTool(registry, "getPet", { id: "x" })).rejects.toThrow(
      "Input: id: expected integer, received string",
    );
  });

  test("of 3.0, in the words of JSON Schema", async () => {
    const schema = { type: "number", minimum: 1, exclusiveMinimum: true, nullable: true };
    const choice = { type: "string", enum: ["a"], nullable: true };
    const parameters = [
      { name: "n", in: "query", schema },
      { name: "c", in: "query", schema: choice },
      { name: "r", in: "query", schema: { allOf: [{ type: "string" }], nullable: true } },
    ];
    const registry = await tools({ "/x": { get: { parameters } } }, {}, { openapi: "3.0.3" });
    expect(inputOf(registry, "get_x")).toMatchObject({
      properties: {
        n: { type: ["number", "null"], exclusiveMinimum: 1 },
        c: { type: ["string", "null"], enum: ["a", null] },
        r: { anyOf: [{ allOf: [{ type: "string" }] }, { type: "null" }] },
      },
    });
  });

  test("whose parameters go where they belong, whatever they are called", async () => {
    const array = { type: "array", items: { type: "string" } };
    const registry = await tools({
      "/x/{id}": {
        post: {
          operationId: "all of it",
          parameters: [
            { name: "id", in: "path", required: true, schema: { type: "string" } },
            { name: "id", in: "query", schema: { type: "string" } },
            { name: "body", in: "query", schema: { type: "string" } },
            { name: "many", in: "query", schema: array },
            { name: "few", in: "query", schema: array, explode: false },
            { name: "deep", in: "query", style: "deepObject", schema: { type: "object" } },
            { name: "filter", in: "query", content: { "application/json": { schema: { type: "object" } } } },
            { name: "X-Trace", in: "header", schema: { type: "string" } },
            { name: "Authorization", in: "header", schema: { type: "string" } },
            { name: "session", in: "cookie", schema: { type: "string" } },
          ],
          requestBody: json({ type: "array", items: { type: "number" } }),
        },
      },
    });
    await callTool(registry, "all_of_it", {
      path_id: "a/../b?c",
      query_id: "q",
      query_body: "b",
      many: ["1", "2"],
      few: ["1", "2"],
      deep: { a: 1 },
      filter: { b: 2 },
      "X-Trace": "t",
      session: "s;",
      body: [1],
    });
    const query = "id=q&body=b&many=1&many=2&few=1%2C2&deep%5Ba%5D=1&filter=%7B%22b%22%3A2%7D";
    expect(asked[0]).toMatchObject({
      line: `POST /v1/x/a%2F..%2Fb%3Fc?${query}`,
      headers: { "x-trace": "t", cookie: "session=s%3B", "content-type": "application/json" },
      body: "[1]",
    });
    await expect(callTool(registry, "all_of_it", { path_id: ".." })).rejects.toThrow("it is part of a path");
    await expect(callTool(registry, "all_of_it", { path_id: "x", "X-Trace": "a\r\nb: c" })).rejects.toThrow(
      "no line breaks",
    );
    await expect(callTool(registry, "all_of_it", { path_id: "x", Authorization: "mine" })).rejects.toThrow(
      "not allowed",
    );
  });

  test.each([
    ["application/x-www-form-urlencoded", { a: "1 2", b: [1, 2] }, "a=1+2&b=1&b=2"],
    ["text/plain", "words", "words"],
    ["multipart/form-data", { a: "x" }, /name="a"\r\n\r\nx\r\n/],
  ])("whose body is %s", async (type, body, sent) => {
    const requestBody = { required: true, content: { [type]: { schema: {} } } };
    const registry = await tools({ "/x": { post: { requestBody } } });
    await callTool(registry, "post_x", { body });
    expect(asked[0]?.headers["content-type"]).toContain(type);
    expect(asked[0]?.body).toEqual(typeof sent === "string" ? sent : expect.stringMatching(sent));
  });

  test("at the server that is named nearest to them", async () => {
    const servers = [{ url: "https://{region}.test/v2/", variables: { region: { default: "eu" } } }];
    const urls: string[] = [];
    const headers: OpenApiOptions["headers"] = ({ url }) => (urls.push(url.href), {});
    const made = openApiTools(
      document({ "/a": { get: {} }, "/b": { servers: [{ url: "https://b.test" }], get: {} } }, { servers }),
      {
        headers,
        fetch: async () => new Response("{}"),
      },
    );
    await Promise.all(Object.values(made).map((tool) => tool.execute({}, callInfo())));
    expect(urls).toEqual(["https://eu.test/v2/a", "https://b.test/b"]);
    expect(() => openApiTools(document({ "/a": { get: {} } }))).toThrow('pass { baseUrl: "https://…" }');
  });
});

describe("answers", () => {
  const one = (path: string, schema?: object, options?: OpenApiOptions) =>
    tools({ [path]: { get: { operationId: "it", ...(schema && { responses: { 200: json(schema) } }) } } }, options);

  test("are JSON, text, bytes or nothing", async () => {
    expect(await callTool(await one("/text"), "it", {})).toBe("plain");
    expect(await callTool(await one("/bytes"), "it", {})).toEqual(new Uint8Array([1, 2]));
    expect(await callTool(await one("/none"), "it", {})).toBeUndefined();
    await expect(callTool(await one("/liar"), "it", {})).rejects.toThrow("it answered what is no JSON");
  });

  test("that are not what the document says are errors, unless the app wants it otherwise", async () => {
    await expect(callTool(await one("/wrong", ref), "it", {})).rejects.toThrow(
      "Output: name: missing; id: expected integer",
    );
    const lenient = await one("/wrong", ref, { checkAnswers: false });
    expect(await callTool(lenient, "it", {})).toEqual({ id: "one" });
    expect(lenient.getTool("it").output.json).toContain("$defs");
  });

  test.each([
    [
      "/missing",
      {
        name: "HttpError",
        code: "HTTP_404",
        retryable: false,
        message: 'it answered 404 Not Found: {"message":"no such pet"}',
      },
    ],
    ["/busy", { code: "HTTP_503", retryable: true }],
    ["/endless", { code: "TOO_LARGE" }],
    ["/away", { code: "REDIRECT", message: "it redirects to localhost:1, which is not followed" }],
    ["/circle", { code: "REDIRECT", message: "it redirects without end" }],
  ])("of %s are errors", async (path, error) => {
    await expect(callTool(await one(path), "it", {})).rejects.toMatchObject(error);
  });

  test("a redirect on the same host is followed; one who is not there can be asked again", async () => {
    expect(await callTool(await one("/moved"), "it", {})).toBe("plain");
    const nowhere = await one("/x", undefined, { baseUrl: "http://127.0.0.1:1" });
    await expect(callTool(nowhere, "it", {})).rejects.toMatchObject({ code: "UNREACHABLE", retryable: true });
    const aborted = callInfo(undefined, AbortSignal.abort(new Error("enough")));
    await expect(callTool(await one("/text"), "it", {}, aborted)).rejects.toThrow("enough");
  });
});

describe("what HTTP says", () => {
  const one = (method: string, path: string) => tools({ [path]: { [method]: { operationId: "it" } } });

  test.each([
    ["get", "/reset", "UNREACHABLE", true],
    ["put", "/reset", "UNREACHABLE", true],
    ["post", "/reset", "UNREACHABLE", false],
    ["get", "/half", "BROKEN", true],
    ["post", "/half", "BROKEN", false],
    ["get", "/busy", "HTTP_503", true],
    ["post", "/busy", "HTTP_503", false],
    ["patch", "/busy", "HTTP_503", false],
    ["post", "/full", "HTTP_429", true],
    ["post", "/see-busy", "HTTP_429", false], // what was posted has been done
  ])("what may have had its effect is not called retryable: %s %s", async (method, path, code, retryable) => {
    await expect(callTool(await one(method, path), "it", {})).rejects.toMatchObject({
      name: code.startsWith("HTTP") ? "HttpError" : "ToolError",
      code,
      retryable,
    });
  });

  test("a HEAD stays one where it is redirected, a POST becomes a GET, and 304 leads nowhere", async () => {
    await callTool(await one("head", "/see-other"), "it", {});
    expect(asked.map(({ line }) => line)).toEqual(["HEAD /v1/see-other", "HEAD /v1/text"]);
    expect(await callTool(await one("post", "/see-other"), "it", {})).toBe("plain");
    expect(asked.map(({ line }) => line)).toEqual(["POST /v1/see-other", "GET /v1/text"]);
    await expect(callTool(await one("get", "/unchanged"), "it", {})).rejects.toMatchObject({ code: "HTTP_304" });
    expect(asked.map(({ line }) => line)).toEqual(["GET /v1/unchanged"]);
  });

  test("a parameter that every object seems to have is sent when it is given", async () => {
    const parameters = ["toString", "constructor"].map((name) => ({ name, in: "query", schema: { type: "string" } }));
    const registry = await tools({ "/x": { get: { operationId: "it", parameters } } });
    await callTool(registry, "it", {});
    await callTool(registry, "it", { toString: "own" });
    expect(asked.map(({ line }) => line)).toEqual(["GET /v1/x", "GET /v1/x?toString=own"]);
  });

  test("what cannot be sent is not sent, and the program is told which it is", async () => {
    const parameter = (name: string, place: string) => ({ name, in: place, schema: { type: "string" } });
    const parameters = [parameter("id", "path"), parameter("c", "cookie"), parameter("X-H", "header")];
    const registry = await tools({ "/x/{id}": { get: { operationId: "it", parameters } } });
    for (const [input, message] of [
      [{ id: "\ud800" }, '"id" has half of a character'],
      [{ id: "1", c: "\ud800" }, '"c" has half of a character'],
      [{ id: "1", "X-H": "\u{1f600}" }, "no characters beyond Latin-1"],
    ] as const) {
      const refused = callTool(registry, "it", input);
      await expect(refused).rejects.toMatchObject({ code: "INVALID", message: expect.stringContaining(message) });
    }
    expect(asked).toEqual([]);
  });
});

test("credentials come from the app, with each call, and win over what a program gives", async () => {
  const parameters = [{ name: "x-key", in: "header", schema: { type: "string" } }];
  const registry = await tools(
    { "/x": { get: { operationId: "it", parameters } } },
    { headers: ({ name, method }, { context }) => ({ "X-Key": `${context.get<string>("key")} ${name} ${method}` }) },
  );
  const info = callInfo(new RuntimeContext({}, { secrets: { key: "k" } }));
  await callTool(registry, "it", { "x-key": "mine" }, info);
  expect(asked[0]?.headers["x-key"]).toBe("k it GET");
});

const operation = { operationId: "it", responses: {} };
const remote = { $ref: "http://127.0.0.1:1/x.json#/Pet" };
test.each<[string, OpenApiDocument, string]>([
  ["is of version 2", { swagger: "2.0" }, "its version is 2.0, and not 3.0 or 3.1"],
  ["is none", {}, "its version is none"],
  [
    "refers to another host",
    document({ "/x": { get: { ...operation, parameters: [{ name: "a", in: "query", schema: remote }] } } }),
    "nothing is fetched or read",
  ],
  [
    "refers to a file",
    document({ "/x": { $ref: "file:///etc/passwd" } }),
    '"file:///etc/passwd", which is not within it',
  ],
  [
    "refers to nothing",
    document({ "/x": { get: { ...operation, requestBody: json({ $ref: "#/no/such" }) } } }),
    "which it does not have",
  ],
  [
    "refers in a circle",
    document({ "/x": { get: { ...operation, parameters: [{ $ref: "#/a" }] } } }, { a: { $ref: "#/a" } }),
    "refers to itself",
  ],
  ["names two alike", document({ "/x": { get: operation, put: operation } }), 'PUT /x and GET /x are both called "it"'],
  [
    "goes to no web server",
    document({ "/x": { get: operation } }, { servers: [{ url: "file:///etc" }] }),
    "is no URL of a server",
  ],
  [
    "says nothing of a part of a path",
    document({
      "/x/{a}/{b}": {
        get: {
          ...operation,
          parameters: [
            { name: "a", in: "path" },
            { name: "b", in: "query" },
          ],
        },
      },
    }),
    "GET /x/{a}/{b} has no parameter for {b}",
  ],
])("a document that %s is refused", (_, given, message) => {
  const options = "servers" in given ? {} : { baseUrl: "https://x.test" };
  expect(() => openApiTools(given, options)).toThrow(message);
});

test("what is too much to read is left out of an answer, and hostile names do no harm", async () => {
  const wide = {
    type: "object",
    properties: Object.fromEntries(Array.from({ length: 9_000 }, (_, n) => [`p${n}`, {}])),
  };
  const paths = JSON.parse(
    '{"/__proto__": {"get": {"operationId": "__proto__"}}, "/c": {"get": {"operationId": "constructor"}}}',
  ) as object;
  const registry = await tools({ ...paths, "/w": { get: { operationId: "wide", responses: { 200: json(wide) } } } });
  expect(namesOf(registry).toSorted()).toEqual(["__proto___", "constructor_", "wide"]);
  expect(registry.getTool("wide").output.json).toBe("");
  expect(await callTool(registry, "constructor_", {})).toEqual({});
  const alike = await tools({
    "/a/{id}": { get: { parameters: [{ name: "id", in: "path", schema: {} }] } },
    "/a/id": { get: {} },
  });
  expect(namesOf(alike)).toEqual([
    expect.stringMatching(/^get_a_id_\w{8}$/),
    expect.stringMatching(/^get_a_id_\w{8}$/),
  ]);
});
