/** The parser before it makes objects of its tree. */
declare module "oxc-parser/src-js/bindings.js" {
  import type { EcmaScriptModule, OxcError, ParserOptions } from "oxc-parser";

  export function parseSync(
    file: string,
    source: string,
    options: ParserOptions,
  ): {
    /** JSON of `{ node }`, whose offsets are of UTF-16. */
    readonly program: string;
    readonly module: EcmaScriptModule;
    readonly errors: readonly OxcError[];
  };
}
