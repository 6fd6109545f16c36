import { bindUrl } from "@codemode/proto/values";
import { tryWrapperForImpl } from "whatwg-url/lib/utils.js";
import { URL as URLBinding, URLSearchParams as SearchParamsBinding } from "whatwg-url/webidl2js-wrapper.js";

/** What the bindings take errors from and leave their classes in; no program ever sees it. */
const installed = { Array, Object, Promise, String, TypeError } as unknown as {
  readonly URL: typeof globalThis.URL;
  readonly URLSearchParams: typeof globalThis.URLSearchParams;
};
URLBinding.install(installed, ["Worker"]);
SearchParamsBinding.install(installed, ["Worker"]);

export const { URL, URLSearchParams } = installed;

// The binding's own getter keeps what it answered on the URL, where a program sees it, and fails on a frozen one.
Object.defineProperty(URL.prototype, "searchParams", {
  get(this: URL): unknown {
    return tryWrapperForImpl(URLBinding.convert(installed, this).searchParams);
  },
});

/**
 * The text of a URL, or undefined for anything else. The brand is a private field: a program can neither forge it nor
 * take it away by what it does to prototypes. To a URL of its own it can do anything: what reads the text may then throw.
 */
export function hrefOf(value: unknown): string | undefined {
  return URLBinding.is(value) ? URLBinding.convert(installed, value).href : undefined;
}

hrefOf(new URL("about:blank")); // the brand check settles what it looks at on its first call: here, not in a program's realm
bindUrl(URL);
