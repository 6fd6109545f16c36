import { TextDecoder, TextEncoder } from "@exodus/bytes/encoding.js";
import { Headers } from "./headers.ts";

/** What the app's `fetch` answers. */
export interface Answer {
  readonly codemode: "response";
  readonly status: number;
  readonly statusText: string;
  readonly url: string;
  readonly redirected: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

let mayConstruct = false;

/** The Response of the Fetch standard, whose body is there already and may be read as often as one likes. */
export class Response {
  readonly status: number;
  readonly statusText: string;
  readonly ok: boolean;
  readonly url: string;
  readonly redirected: boolean;
  readonly headers: Headers;
  readonly type = "basic";
  readonly body = null;
  readonly #answer: Answer;
  #used = false;

  constructor(answer: Answer) {
    if (!mayConstruct) throw new TypeError("Illegal constructor: fetch() makes a Response");
    this.#answer = answer;
    this.status = answer.status;
    this.statusText = answer.statusText;
    this.ok = answer.status >= 200 && answer.status < 300;
    this.url = answer.url;
    this.redirected = answer.redirected;
    this.headers = new Headers(answer.headers);
  }

  get bodyUsed(): boolean {
    return this.#used;
  }

  async text(): Promise<string> {
    return this.#text();
  }

  async json(): Promise<unknown> {
    return JSON.parse(this.#text());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#bytes().buffer as ArrayBuffer;
  }

  async bytes(): Promise<Uint8Array> {
    return this.#bytes();
  }

  clone(): Response {
    return toResponse(this.#answer);
  }

  #text(): string {
    this.#used = true;
    const { body } = this.#answer;
    return typeof body === "string" ? body.replace(/^\uFEFF/, "") : new TextDecoder().decode(body);
  }

  #bytes(): Uint8Array {
    this.#used = true;
    const { body } = this.#answer;
    return typeof body === "string" ? new TextEncoder().encode(body) : new Uint8Array(body);
  }
}

export function toResponse(answer: Answer): Response {
  mayConstruct = true;
  try {
    return new Response(answer);
  } finally {
    mayConstruct = false;
  }
}
