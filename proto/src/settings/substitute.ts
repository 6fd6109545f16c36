/** Environment variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

const REFERENCE = /\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::(-|\?)([^}]*))?\}|\$\{/g;

/** Text with its `${…}` filled in, or why that is impossible. */
export type Substitution =
  | { readonly kind: "plain" }
  | { readonly kind: "filled"; readonly text: string }
  | { readonly kind: "impossible"; readonly problem: string };

/**
 * Fills in `${VAR}`, `${VAR:-default}` and `${VAR:?message}`; `$$` is a dollar sign. As in compose files, an empty
 * variable counts as unset for the last two. Works on one scalar, never on the text of a file, so that no value can
 * add keys.
 */
export function substitute(text: string, env: Environment): Substitution {
  if (!text.includes("$")) return { kind: "plain" };
  let problem: string | undefined;
  let isChanged = false;
  const filled = text.replace(REFERENCE, (whole: string, name?: string, operator?: string, operand = "") => {
    isChanged = true;
    if (whole === "$$") return "$";
    if (name === undefined) {
      problem ??= "malformed ${…}; the forms are ${VAR}, ${VAR:-default} and ${VAR:?message} ($$ is a dollar sign)";
      return "";
    }
    const value = env[name];
    if (value || (value === "" && operator === undefined)) return value;
    if (operator === "-") return operand;
    problem ??=
      operator === "?" && operand ? `${name}: ${operand}` : `${name} is not set; \${${name}:-…} gives a default`;
    return "";
  });
  if (problem !== undefined) return { kind: "impossible", problem };
  return isChanged ? { kind: "filled", text: filled } : { kind: "plain" };
}
