const MAX_ISSUES = 5; // a model mends a few at a time; the rest would only fill its context

/** The result of a check: the value to go on with, or why there is none. */
export type Checked = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string };

/** One line that names each issue with its path: `a: expected number, received string; b: missing`. */
export function issuesText(issues: readonly { readonly path: string; readonly message: string }[]): string {
  const lines = issues.slice(0, MAX_ISSUES).map(({ path, message }) => (path ? `${path}: ${message}` : message));
  if (issues.length > MAX_ISSUES) lines.push(`and ${issues.length - MAX_ISSUES} more`);
  return lines.join("; ");
}

/** `items[2].name` */
export function pathText(path: readonly PropertyKey[]): string {
  let text = "";
  for (const key of path) {
    if (typeof key === "number") text += `[${key}]`;
    else text += text ? `.${String(key)}` : String(key);
  }
  return text;
}
