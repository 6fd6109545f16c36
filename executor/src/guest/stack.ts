/** The stack of what `captureStackTrace` was given. To read it is to format it, which a program may have taken into its own hands. */
export function stackOf(site: { readonly stack?: unknown }): string {
  try {
    const { stack } = site;
    return typeof stack === "string" ? stack : "";
  } catch {
    return "";
  }
}
