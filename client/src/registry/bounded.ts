import { createContext, Script } from "node:vm";

// Nothing of the app is in this context. It is there because `vm` alone can stop a regular expression that runs away.
const context = createContext(Object.create(null) as object) as { run: (() => void) | undefined };
const script = new Script("run()");

/** What `body` returns; undefined when it did not return within `ms`, and was stopped. */
export function bounded<T extends object>(body: () => T, ms: number): T | undefined {
  let result: T | undefined;
  const outer = context.run;
  context.run = () => {
    result = body();
  };
  try {
    script.runInContext(context, { timeout: ms });
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
  } finally {
    context.run = outer; // a check may be within a check
  }
  return result;
}
