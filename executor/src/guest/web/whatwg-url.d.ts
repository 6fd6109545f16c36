declare module "whatwg-url/lib/utils.js" {
  /** The object that a program has for one of the library's own. */
  export function tryWrapperForImpl(impl: object): object;
}
