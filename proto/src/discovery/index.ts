export { comment, oneLine } from "./docs.ts";
export { add, asList, asNames, asRecord, has, indent, join, pointed, propertiesOf } from "./lists.ts";
export { access, callOf, type ComponentKind, signatureOf, typeOf } from "./signatures.ts";
export { commentText, isIdentifier, keyOf, pascal, quoted } from "./text.ts";
export { type PrintedType, printType, type TypeOptions } from "./types.ts";
export { type Searched, SearchIndex } from "./search.ts";
