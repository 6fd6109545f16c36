// Console calls that Node and the sandbox are both asked to print. One line is one case.
const values = String.raw`
undefined
null
true
0
-0
1.5e300
NaN
-Infinity
123n
"text"
"it's"
'say "it"'
"it's \"both\" \`three\`"
"line\nbreak\ttab \u0007 \u001b[31m \ud800 \u{1F600} é 日本"
"x".repeat(200)
"a\n".repeat(30)
Symbol("s")
Symbol.iterator
Symbol("with\nbreak")
{}
[]
{ a: 1, b: "two", c: null, d: undefined, e: true }
{ "a-b": 1, "it's": 2, 3: 4, [Symbol("k")]: 5, __proto__: null }
{ a: { b: { c: { d: 1 } } } }
[[[[1]]]]
{ a: [], b: {}, c: [[]], d: [{}], e: [{ x: { y: 1 } }] }
[1, 2, 3]
["a", "b", { c: 1 }]
[, 1, , , 2]
new Array(5)
Object.assign([1, 2], { extra: 3, "-1": 4 })
Array.from({ length: 7 }, (_, i) => i * 1000)
Array.from({ length: 100 }, (_, i) => i)
Array.from({ length: 101 }, (_, i) => i)
Array.from({ length: 30 }, (_, i) => "item " + i)
Array.from({ length: 30 }, (_, i) => "x".repeat(i))
Array.from({ length: 30 }, (_, i) => ({ i }))
Array.from({ length: 30 }, (_, i) => [i, -i])
Array.from({ length: 40 }, (_, i) => BigInt(i) ** 9n)
Array.from({ length: 27 }, (_, i) => [undefined, null, true][i % 3])
Array.from({ length: 3000 }, (_, i) => i)
Object.fromEntries(Array.from({ length: 40 }, (_, i) => ["key" + i, i]))
Object.fromEntries(Array.from({ length: 40 }, (_, i) => ["key" + i, { i, s: "s".repeat(i) }]))
{ id: 1, name: "A long enough name", tags: ["one", "two", "three"], nested: { deep: { deeper: { deepest: 1 } } } }
{ long: "a string that is long enough to need a line of its own, whatever comes before or behind it", b: 1 }
{ text: "several\nlines\nin one text that is longer than what fits into a single line of a terminal" }
[["a string that is long enough to need a line of its own, whatever comes before or behind it\nand one more line"]]
new Date(0)
new Date(NaN)
[new Date(1e12), { at: new Date(86_400_000.5) }]
Object.assign(new Date(0), { a: 1 })
/a\/b/giu
Object.assign(/x/, { a: 1 })
[/x/y, new RegExp("\n")]
new Map()
new Map([[1, "a"], ["k", { a: 1 }], [{ o: 1 }, [1, 2]]])
new Map(Array.from({ length: 105 }, (_, i) => [i, i]))
new Set()
new Set([1, "a", { b: [1, { c: {} }] }])
new Set(Array.from({ length: 105 }, (_, i) => i))
{ m: new Map([[new Map([[1, new Map()]]), new Set([new Set([1])])]]) }
Object.assign(new Map([[1, 2]]), { extra: true })
new WeakMap()
new WeakSet()
[new WeakMap(), new WeakSet()]
new Uint8Array(3)
new Uint8Array(200)
new Float64Array([1.5, -0, NaN])
new BigInt64Array([1n, -2n])
new Uint8ClampedArray([1, 300])
Object.assign(new Int16Array(2), { extra: 1 })
new ArrayBuffer(4)
new Uint8Array([1, 2, 250]).buffer
new DataView(new ArrayBuffer(2))
new Number(3)
new Number(-0)
new String("boxed")
Object.assign(new String("boxed"), { a: 1 })
new Boolean(false)
Object(1n)
Object(Symbol("b"))
[new Number(3), new String("x")]
() => 1
function named() {}
(function () {})
async () => {}
async function a() {}
function* g() {}
async function* ag() {}
class A {}
class B extends Array {}
class extends Object {}
class C extends null {}
Object.assign(function f() {}, { a: 1, b: { c: 2 } })
Object.assign(class K {}, { s: 1 })
{ f() {}, g: () => 1, h: class {}, i: Math.max }
[Math.max, Array, Object, Map, parseInt]
Math
JSON
Reflect
globalThis.Symbol
new (class Foo { constructor() { this.a = 1; } })()
new (class Foo { #p = 1; q = 2; get r() { return 3; } })()
new (class extends Map {})([[1, 2]])
new (class Names extends Array {})(1, 2, 3)
new (class Words extends Set {})(["a"])
new (class Bytes extends Uint8Array {})(2)
new (class Wait extends Promise {})(() => {})
new (class When extends Date {})(0)
new (class Pattern extends RegExp {})("x", "g")
new (class extends (class Base {}) {})()
Object.create(null)
Object.create({})
Object.create({ a: 1 })
Object.create(Object.create(null))
Object.create(class Foo {}.prototype)
Object.create(Array.prototype)
Object.setPrototypeOf([1, 2], null)
Object.setPrototypeOf(() => 1, null)
Object.assign(Object.create(null), { a: 1, b: Object.create(null) })
{ get a() { return 1; }, set b(v) {}, get c() { return 1; }, set c(v) {} }
Object.defineProperty({ a: 1 }, "hidden", { value: 1 })
{ [Symbol.toStringTag]: "Tagged", a: 1 }
new (class Foo { get [Symbol.toStringTag]() { return "Bar"; } })()
{ constructor: "x", a: 1 }
{ length: 3, 0: "a" }
{ then: 1, toString: null, valueOf: 2, hasOwnProperty: 3 }
{ __proto__: { constructor: { name: "Fake" } }, a: 1 }
Object.freeze({ a: Object.freeze([1]) })
(() => { const o = { name: "o" }; o.self = o; return o; })()
(() => { const a = { n: 1 }, b = { a }; a.b = b; return [a, b, a]; })()
(() => { const m = new Map(); m.set("m", m); return m; })()
(() => { const a = []; a.push(a, [a]); return a; })()
(() => { const shared = { s: 1 }; return { x: shared, y: shared }; })()
(function () { return arguments; })(1, "a")
new Promise(() => {})
[new Promise(() => {})]
{ p: new Promise(() => {}) }
new Proxy({ a: 1 }, {})
new Proxy([1, 2], {})
new Proxy(function f() {}, {})
new Error("plain")
new TypeError("typed")
new Error("")
new Error("two\nlines")
new Error("caused", { cause: new TypeError("cause") })
new Error("caused", { cause: { code: 1 } })
new Error("caused", { cause: "text" })
new AggregateError([new Error("a"), new RangeError("b")], "several")
new AggregateError([])
Object.assign(new Error("with"), { code: "E_X", details: { a: [1, 2] } })
Object.assign(new Error("renamed"), { name: "MyError" })
new (class MyError extends Error {})("subclass")
new (class MyError extends Error { name = "MyError"; })("subclass")
new (class extends TypeError {})("anonymous")
[new Error("in a list"), { e: new Error("nested") }]
new Map([["e", new Error("in a map")]])
Object.assign(new Error("x"), { stack: "Error: x\n    at one (a.js:1:1)\n    at two (b.js:2:2)" })
Object.assign(new Error("x"), { stack: "Error: x\n    at one (a.js:1:1)", code: 1 })
{ deep: Object.assign(new Error("x"), { stack: "Error: x\n    at one (a.js:1:1)\n    at two (b.js:2:2)" }) }
Object.assign(new Error("x"), { stack: "own words" })
Object.assign(new Error("x"), { stack: undefined })
Object.assign(new Error("x"), { stack: { a: 1 } })
Object.create(Error.prototype)
{ a: 1n, b: -0, c: Symbol("x"), d: new Date(5), e: /r/, f: [undefined, null] }
[undefined, null, , NaN, -0, 0]
[["a", 1], ["b", 2]]
{ users: [{ id: 1, name: "Ann", roles: ["admin"] }, { id: 2, name: "Bob", roles: [] }], total: 2, next: null }
"é".repeat(30).split("")
["日本", "語", "ab", "cd", "ef", "gh", "ij", "kl"]
`;

const calls = String.raw`
console.log()
console.log("")
console.log(" ")
console.log("a", "b", 1, { c: "d" }, ["e"])
console.log(1, "a", 2n, null, undefined, true, Symbol("x"))
console.log("\n")
console.log(["\n"], "a\nb", ["a\nb"])
console.log("%s is %d years and %i months, %f", "Bob", 42.5, 7.9, "1.50")
console.log("%s %s %s %s %s", 1n, -0, Symbol("a"), null, undefined)
console.log("%s", { a: { b: 1 } }, [1, [2, [3]]])
console.log("%s|%s|%s", () => 1, class Foo {}, new (class Bar { toString() { return "bar!"; } })())
console.log("%s %s", new Date(0), new Error("e"))
console.log("%s", { toString() { return "mine"; } }, { [Symbol.toPrimitive]: () => "p" })
console.log("%s", Object.create(null), Object.create({ toString() { return "inherited"; } }))
console.log("%d %d %d %d", "12", 5n, {}, Symbol("x"))
console.log("%d %i %f", "", "", "")
console.log("%i %i %i", 1e21, "12px", -0.5)
console.log("%f %f", "x", Symbol("x"))
console.log("%j %j", { a: [1, { b: null }] }, "text")
console.log("%j", (() => { const o = {}; o.o = o; return o; })())
console.log("%j", { toJSON() { return "json"; } })
console.log("%j", undefined)
console.log("%o", { a: { b: { c: { d: { e: { f: 1 } } } } } })
console.log("%o", [1, [2]])
console.log("%O", { a: { b: { c: { d: 1 } } } })
console.log("%O %O", [1, "a"], "text")
console.log("%c styled %c", "color: red", "")
console.log("%% %s %%", "x")
console.log("100%", 5)
console.log("%", "%s")
console.log("%x %s", 1)
console.log("%s")
console.log("%s %s", "one")
console.log("a%sb%sc", "%s", "%d", "left", 3)
console.log({ a: 1 }, "%s", "x")
console.log("%s", "a\nb")
console.log("%%")
console.log("%%", 1)
console.log("%s".repeat(3), 1, 2, 3, 4)
console.info("info %d", 1)
console.debug("debug", { a: 1 })
console.warn("warn")
console.error("error", new Error("x"))
console.dirxml({ a: 1 }, [2], "text")
console.dir({ a: { b: { c: { d: 1 } } } })
console.dir({ a: { b: { c: { d: 1 } } } }, { depth: 0 })
console.dir({ a: { b: { c: { d: { e: {} } } } } }, { depth: null })
console.dir({ a: { b: { c: { d: { e: {} } } } } }, { depth: Infinity })
console.dir([1, 2, 3, 4], { maxArrayLength: 2 })
console.dir(Array.from({ length: 120 }, (_, i) => i), { maxArrayLength: null })
console.dir({ s: "x".repeat(50) }, { maxStringLength: 10 })
console.dir({ b: 1, a: 2 }, { sorted: true })
console.dir({ b: 1, a: 2, c: 3 }, { sorted: (x, y) => (x < y ? 1 : -1) })
console.dir({ get a() { return { b: 1 }; }, get c() { throw new Error("no"); }, set d(v) {} }, { getters: true })
console.dir({ a: 1, b: { c: 2 } }, { compact: false })
console.dir({ a: 1, b: { c: 2 } }, { compact: true })
console.dir({ a: 1, b: { c: [1, 2, 3] } }, { breakLength: 10 })
console.dir(123456789.123, { numericSeparator: true })
console.dir(Object.defineProperty({}, "hidden", { value: 1 }), { showHidden: true })
console.dir([1], { showHidden: true })
console.dir("text")
console.dir("%s", 5)
console.group("outer"); console.log("in"); console.group("inner"); console.log("deep\ntwo lines"); console.groupEnd(); console.log({ a: "x".repeat(80), b: 1 }); console.groupEnd(); console.log("out")
console.group(); console.log(); console.log(""); console.error("x"); console.groupEnd(); console.groupEnd(); console.log("out")
console.groupCollapsed("folded %d", 1); console.table([[1]]); console.groupEnd()
console.group("a", { b: 1 }); console.dir({ c: { d: 1 } }); console.groupEnd()
console.count(); console.count(); console.count("x"); console.countReset(); console.count(); console.count(undefined)
console.count(5); console.count("5"); console.count(null); console.count("%s"); console.count({})
console.assert(true, "no"); console.assert(1)
console.assert(false); console.assert(0, "zero"); console.assert(null, "%s is %d", "x", 1)
console.assert(false, { a: 1 }); console.assert(false, "a", "b"); console.assert(undefined, new Error("x"))
console.table([{ a: 1, b: "x" }, { a: 2, c: true }])
console.table([[1, 2], [3, 4, 5]])
console.table([1, "a", null, undefined])
console.table({ r1: { x: 1 }, r2: { y: 2 } })
console.table([{ a: 1, b: 2 }], ["b"])
console.table([{ a: 1, b: 2 }, 5, { b: 3 }], ["b", "z"])
console.table([1, { a: 2 }, [3]])
console.table(new Map([["a", 1], ["b", { c: 2 }]]))
console.table(new Set([1, { a: 2 }]))
console.table([])
console.table({})
console.table(new Map())
console.table(5); console.table("text"); console.table(null); console.table(undefined)
console.table([{ a: { b: 1 } }, { a: [1, 2, 3, 4, 5] }, { a: { x: 1, y: 2, z: 3 } }])
console.table([{ name: "日本", v: 1 }, { name: "é", v: -0 }])
console.table([{ f: () => 1, d: new Date(0), s: Symbol("x"), n: null, u: undefined, e: "it's\n" }])
console.table([{ a: 1 }, { a: 2 }].map((row) => Object.create(null, { a: { value: row.a, enumerable: true } })))
console.table(Array.from({ length: 12 }, (_, i) => ({ i, square: i * i })))
console.table([, 1]); console.table("ab".split("")); console.table(new Uint8Array([7, 8]))
const { log, error, table } = console; log("detached"); error({ a: 1 }); table([[1]])
[1, 2].forEach(console.log)
`;

const cases = (text: string): string[] => text.split("\n").filter((line) => line !== "");

/** Programs of one line each that print the same in both. */
export const consoleCases: readonly string[] = [
  ...cases(values).flatMap((value) => [`console.log(${value})`, `console.log("is", [${value}], { of: ${value} })`]),
  ...cases(calls),
];

/** What the sandbox prints otherwise, and why. */
export const differences: readonly (readonly [why: string, program: string, text: string])[] = [
  ["only Node sees whether a promise is settled", "console.log(Promise.resolve(4))", "Promise { <pending> }"],
  ["only Node sees what an iterator has left", "console.log(new Map([[1, 2]]).keys())", "[Map Iterator] {  }"],
  [
    "only Node knows a built-in that has lost its prototype",
    "console.log(Object.setPrototypeOf(new Map([[1, 2]]), null), Object.setPrototypeOf(new Set([1]), null))",
    "[Object: null prototype] {} [Object: null prototype] {}",
  ],
  [
    "only Node knows an error that has lost its prototype",
    "console.log(Object.setPrototypeOf(new Error('bare'), null))",
    "[Error: null prototype] {}",
  ],
  [
    "only Node sees behind a proxy; here its traps answer",
    "console.log(new Proxy({ a: 1 }, { get: () => 2, ownKeys: () => ['a', 'b'] }), new Proxy({}, { ownKeys() { throw 1 } }))",
    "{ a: 1 } [cannot be shown]",
  ],
  [
    "V8 writes the head of a stack when the error is made; Node when it is read",
    "console.log(Object.assign(new Error('x'), { message: 5, name: 6 }))",
    "[6 [Error]: x]",
  ],
  [
    "the library takes a name that begins with async for the keyword",
    "console.log({ asyncThing() {} }.asyncThing)",
    "[AsyncFunction: asyncThing] Function",
  ],
  [
    "a method for inspect would get its functions",
    "console.log({ [Symbol.for('nodejs.util.inspect.custom')]: () => 'own' })",
    "{\n  Symbol(nodejs.util.inspect.custom): [Function: [nodejs.util.inspect.custom]]\n}",
  ],
  ["a log has no colours", "console.dir(1, { colors: true })", "1"],
  [
    "warnings of Node's process are lines of the log",
    "console.countReset('a'); console.timeEnd('b'); console.timeLog(); console.time(); console.time()",
    [
      "Warning: Count for 'a' does not exist",
      "Warning: No such label 'b' for console.timeEnd()",
      "Warning: No such label 'default' for console.timeLog()",
      "Warning: Label 'default' already exists for console.time()",
    ].join("\n"),
  ],
  [
    "the clock stands still while a program runs",
    "console.time('t'); console.timeLog('t', 1, { a: 2 }); console.timeEnd('t')",
    "t: 0ms 1 { a: 2 }\nt: 0ms",
  ],
  [
    "no call throws",
    "console.log('%j', { toJSON() { throw 1 } }); console.log(`${1}`, { get href() { throw 2 }, __proto__: class A {}.prototype }); console.count(Symbol('x'));",
    "%j { toJSON: [Function: toJSON] }\n1 [cannot be shown]\nSymbol(x): 1",
  ],
  [
    "a long array is not searched for keys besides its indices",
    "console.dir(Object.assign(Array(3000).fill(0), { extra: 1 }), { maxArrayLength: 1 }); const far = []; far[5000] = 1; console.log(far)",
    "[ 0, ... 2999 more items ]\n[ <5001 empty items> ]",
  ],
];
