import type { HostileCase } from "../case.ts";
import { showsNothingOfOurs } from "../checks.ts";

/** What the form that every program is given must withstand. */
export const syntax: Readonly<Record<string, HostileCase>> = {
  "syn-close-wrapper": {
    code: "}); evil(() => {",
    ends: ["SyntaxError"],
    why: "closes the wrapper early; must never become valid code",
  },
  "syn-close-wrapper-3": {
    code: "}) ; globalThis.x = 1 ; (async function(){",
    ends: ["SyntaxError"],
    why: "balanced braces around an injected statement",
  },
  "syn-close-wrapper-4": {
    code: "}\n})()\nreturn 1\n(async () => {{",
    ends: ["SyntaxError"],
    why: "for wrappers made of two nested functions",
  },
  "syn-open-comment": {
    code: "return 1 /*",
    ends: ["SyntaxError"],
    why: "an open block comment must not swallow the wrapper",
  },
  "syn-line-comment-end": {
    code: "return 1 // done",
    ends: ["ok"],
    value: 1,
    why: "the wrapper must add a newline after the source",
  },
  "syn-html-close-comment": {
    code: "\n--> x\nreturn 2",
    ends: ["ok", "SyntaxError"],
    value: 2,
    why: "a comment in sloppy scripts",
  },
  "syn-shebang": {
    code: "#!/usr/bin/env node\nreturn 1",
    ends: ["SyntaxError", "ok"],
    why: "only legal at the start of a script",
  },
  "syn-u2028-in-string": {
    code: 'return "a\u2028b".length',
    ends: ["ok"],
    value: 3,
    why: "U+2028 is legal in string literals since ES2019",
  },
  "syn-u2028-newline": {
    code: "let a = 1 // x\u2028return a + 1",
    ends: ["ok"],
    value: 2,
    why: "U+2028 ends a line comment",
  },
  "syn-nul-code": { code: "return 1\u0000+1", ends: ["SyntaxError"], why: "NUL outside a literal" },
  "syn-bidi": {
    code: 'return "\u202eabc\u202c".length',
    ends: ["ok"],
    value: 5,
    why: "bidirectional control characters: runs, but a reviewer must see them escaped",
  },
  "syn-template-injection": {
    code: 'return `${"a"}\\`; process.exit(); \\``',
    ends: ["ok"],
    value: "a`; process.exit(); `",
    why: "for wrappers that paste the source into a template literal",
  },
  "syn-backtick-dollar": {
    code: 'return "${tools}`"',
    ends: ["ok"],
    value: "${tools}`",
    why: "for wrappers that paste the source into a template literal",
  },
  "syn-import-static": { code: 'import fs from "fs"; return 1', ends: ["SyntaxError"] },
  "syn-export": { code: "export default 1", ends: ["SyntaxError"] },
  "syn-import-dynamic": {
    code: 'return await import("fs").then(() => "LOADED", e => "rejected")',
    ends: ["ok"],
    value: "rejected",
    why: "import() must reject, never load",
  },
  "syn-import-dynamic-data": {
    code: 'return await import("data:text/javascript,export default 1").then(() => "LOADED", e => "rejected")',
    ends: ["ok"],
    value: "rejected",
  },
  "syn-top-await": { code: "const x = await tools.add({a:1,b:2}); return x", ends: ["ok"], value: 3 },
  "syn-await-in-nonasync": { code: "function f(){ await tools.echo(1) } return f()", ends: ["SyntaxError"] },
  "syn-octal": { code: "return 010", ends: ["SyntaxError", "ok"] },
  "syn-dup-params": { code: "return (function(a,a){return a})(1,2)", ends: ["SyntaxError", "ok"] },
  "syn-new-target": {
    code: "return String(new.target)",
    ends: ["ok", "SyntaxError"],
    value: "undefined",
    why: "must not reveal a harness constructor",
  },
  "syn-use-sloppy-this": {
    code: "return typeof this",
    ends: ["ok"],
    value: "undefined",
    why: "this must be undefined, not the global object or a harness object",
  },
  "syn-redeclare-tools": {
    code: "let tools = {x:1}; return tools.x",
    ends: ["SyntaxError", "ok"],
    why: "the names in scope are no names of the program's own block",
  },
  "syn-shadow-console": { code: "{ const console = {log(){ throw 1 }}; } return 1", ends: ["ok"], value: 1 },
  "syn-long-identifier": {
    code: "const " + "a".repeat(100000) + " = 7; return " + "a".repeat(100000),
    ends: ["ok"],
    value: 7,
    why: "200 KB of one identifier",
  },
  "syn-deep-parens": {
    code: "return " + "(".repeat(50000) + "1" + ")".repeat(50000),
    ends: ["SyntaxError", "RuntimeError"],
    why: "overflows a recursive parser",
  },
  "syn-nested-functions": {
    code: "(function(){".repeat(15000) + "})()".repeat(15000),
    ends: ["SyntaxError", "RuntimeError", "CpuLimit"],
    why: "overflows a recursive parser",
  },
  "syn-nested-templates": {
    code: "return " + "`${".repeat(20000) + "1" + "}`".repeat(20000),
    ends: ["SyntaxError", "RuntimeError"],
    why: "overflows a recursive parser",
  },
  "syn-many-named-groups": {
    code: "return /" + Array.from({ length: 12000 }, (_, i) => "(?<g" + i + ">x)").join("") + '/.test("x")',
    ends: ["ok", "SyntaxError", "CpuLimit"],
    value: false,
    why: "early-error check of duplicate names at parse time",
  },
  "syn-too-large": {
    code: '"' + "x".repeat(300000) + '"',
    ends: ["SyntaxError"],
    why: "over the budget for code: refused before a worker is used",
  },
  "syn-arguments": {
    code: "return arguments.length <= 2 && !arguments[2]",
    ends: ["ok", "SyntaxError", "RuntimeError"],
    value: true,
    why: "must hold nothing but the names in scope",
  },
  "syn-callee": {
    code: "return arguments.callee.caller",
    ends: ["RuntimeError", "SyntaxError"],
    why: "strict arguments: TypeError",
  },
  "syn-eval": {
    code: 'return (0,eval)("1+1")',
    ends: ["ok", "RuntimeError"],
    value: 2,
    why: "V8 lets eval run in isolated-vm whatever its flags say; it stays in the isolate",
  },
  "syn-sourceurl": {
    code: 'throw new Error("x")\n//# sourceURL=harness.js',
    ends: ["RuntimeError"],
    check: showsNothingOfOurs,
    why: "a stack must not claim our files",
  },
};
