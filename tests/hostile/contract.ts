import type { HostileCase } from "./case.ts";

// Where our contract with a program is wider than what the cases ask for, or more exact. It wins.

const exact = "values keep their type";
const named = "tools have failures of their own, which are runtime errors too";
const cycle: { a?: unknown } = {};
cycle.a = cycle;

/** What else comes of a case, by its id. */
export const contract: Readonly<Record<string, Pick<HostileCase, "ends" | "value" | "why">>> = {
  "syn-export": { ends: ["ok"], value: 1, why: "`export default` is a form that models write" },
  "syn-redeclare-tools": { ends: ["ok"], value: 1, why: "a program may reuse the names in scope" },
  "syn-shebang": { ends: ["ok"], value: 1, why: "taken for a comment" },
  "syn-too-large": { ends: ["refused"], why: "the stream is refused before a worker is used" },
  "syn-many-named-groups": {
    ends: ["RuntimeError"],
    why: "12,000 groups are one too deep for V8 when it first matches: a SyntaxError that is thrown while the program runs",
  },
  "syn-arguments": {
    ends: ["ok"],
    value: false,
    why: "the names in scope are more than two; see rule H4 for what they reach",
  },
  "cpu-getter-throw": { ends: ["RuntimeError"], why: "getters of what was thrown are shown, never called" },
  "nat-arg-sparse": { ends: ["OutputLimit"], why: "the text of so many holes is over the budget for arguments" },
  "ser-nan": { ends: ["ok"], value: NaN, why: exact },
  "ser-infinity": { ends: ["ok"], value: [Infinity, -Infinity, -0], why: exact },
  "ser-bigint-nested": { ends: ["ok"], value: { a: [1n] }, why: exact },
  "ser-cyclic": { ends: ["ok"], value: cycle, why: exact },
  "ser-map": { ends: ["ok"], value: new Map([[1, 2]]), why: exact },
  "ser-set": { ends: ["ok"], value: { s: new Set([1]) }, why: exact },
  "ser-date-invalid": { ends: ["ok"], value: new Date(NaN), why: exact },
  "ser-regexp": { ends: ["ok"], value: /x/g, why: exact },
  "ser-typed": { ends: ["ok"], value: new Uint8Array([1, 2, 3]), why: exact },
  "ser-deep-500": { ends: ["Unserializable"], why: "100 levels are written" },
  "ser-deep-5000": { ends: ["Unserializable"], why: "100 levels are written" },
  "esc-globals": {
    ends: ["ok"],
    value:
      "setTimeout setInterval clearTimeout clearInterval queueMicrotask atob btoa crypto structuredClone __interfaces __getToolInterface emit notify print".split(
        " ",
      ),
    why: "web globals that models reach for, and what other systems call discovery and output",
  },
  "esc-date-timer": {
    ends: ["CpuLimit"],
    why: "the clock stands still while a program runs: this one waits for it in vain",
  },
  "esc-gc": {
    ends: ["ok"],
    value: "undefinedfunctionundefinedundefinedundefinedundefined",
    why: "`print` is what another system calls text(); the shell's own is not there",
  },
  "tool-unknown": { ends: ["UnknownTool"], why: named },
  "tool-two-args": { ends: ["ToolInputError"], why: named },
  "tool-fail-uncaught": { ends: ["ToolError"], why: named },
  "tool-cyclic-arg": { ends: ["ok"], value: cycle, why: exact },
  "tool-result-big": { ends: ["ToolOutputError"], why: "an answer over its budget is an error of that call" },
  "tool-result-huge": { ends: ["ToolOutputError"], why: "an answer over its budget is an error of that call" },
};
