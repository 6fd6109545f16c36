import { cannot, type Found } from "../found.ts";
import { fromAgentFramework, fromAnyAgent, fromRunnable } from "./agents.ts";
import { fromAiSdk, isAiSdkTool } from "./ai-sdk.ts";
import { fromLangChain } from "./langchain.ts";
import { isMcpClient } from "./mcp.ts";
import { fromMastra } from "./mastra.ts";
import { fromAmbiguous, fromFunction, fromNative } from "./native.ts";
import { fromOpenAiAgents, refuseOpenAiSchema } from "./openai.ts";
import { fromAnthropic, fromTanStack } from "./others.ts";

/** What was found, and whether its name was made for somewhere else. */
export interface Recognised {
  readonly found: Found;
  readonly isForeign: boolean;
}

/**
 * Tells what `value` is. Undefined for a tool that is run elsewhere, by the provider of a model.
 *
 * Kinds that say most of themselves come first: a tool of LangChain is also a runnable, and much has an `execute`.
 *
 * @param key The name under which it was found; `origin`, what is said of a definition of our own.
 * @throws {@link RegistryError} when it is nothing that a program could call.
 */
export function recognise(value: unknown, key: string | undefined, origin: string): Recognised | undefined {
  const name = key ?? "";
  if ((typeof value !== "object" && typeof value !== "function") || value === null) {
    throw cannot("tool or agent", name, origin, `it is ${value === null ? "null" : `a ${typeof value}`}`);
  }
  if (isMcpClient(value)) throw cannot("tool or agent", name, origin, "it is an MCP client; pass it to registerAll()");
  const tool = fromLangChain(value) ?? fromOpenAiAgents(value) ?? fromMastra(value) ?? fromTanStack(value);
  const foreign = tool ?? fromAnthropic(value) ?? fromAgentFramework(value) ?? fromRunnable(value);
  if (foreign) return { found: foreign, isForeign: true };
  if (isAiSdkTool(value)) {
    const found = fromAiSdk(value, key);
    return found && { found, isForeign: true };
  }
  const own = fromFunction(value, origin) ?? fromAmbiguous(value, origin) ?? fromNative(value, "agent", origin);
  const found = own ?? refuseOpenAiSchema(value) ?? fromAnyAgent(value, origin);
  if (found) return { found, isForeign: false };
  throw cannot("tool or agent", name, origin, "it has no execute(), run(), generate() or invoke() function");
}
