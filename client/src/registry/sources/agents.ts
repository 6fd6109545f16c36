import type { CallInfo } from "../component.ts";
import type { Found } from "../found.ts";
import type { JsonSchema } from "../json-schema.ts";
import { invokeOpenAi } from "./openai.ts";
import { plainAnswer } from "./answers.ts";
import { type Foreign, hasMethods, method, nameOf, schemaOf, textOf } from "./reading.ts";

/** What agents take that say nothing else. */
const PROMPT: JsonSchema = {
  type: "object",
  properties: { prompt: { type: "string", description: "What the agent is to do" } },
  required: ["prompt"],
  additionalProperties: false,
};

/** What calls an agent, with the text of its prompt. */
type Ask = (prompt: string, call: CallInfo) => unknown;

/** An agent of one of the frameworks: what it takes is a prompt, what it answers is made plain (`PlainAnswer`). */
export function fromAgentFramework(value: object): Found | undefined {
  const agent = value as Foreign;
  const [framework, ask] = askOf(agent) ?? [];
  if (framework === undefined || !ask) return undefined;
  const name = nameOf(agent["name"]) ?? nameOf(agent["id"]);
  return {
    kind: "agent",
    name,
    origin: `the ${framework} agent${name === undefined ? "" : ` "${name}"`}`,
    description: describe(agent),
    inputSchema: PROMPT,
    handle: async (input, call) => plainAnswer(await ask((input as { prompt: string }).prompt, call)),
  };
}

function askOf(agent: Foreign): readonly [framework: string, ask: Ask] | undefined {
  if (hasMethods(agent, "generate", "getInstructions", "listTools")) {
    const generate = method(agent, "generate");
    return ["Mastra", (prompt, { signal }) => generate(prompt, { abortSignal: signal })];
  }
  if (hasMethods(agent, "generate") && /^agent-v\d+$/.test(String(agent["version"]))) {
    const generate = method(agent, "generate");
    return ["AI SDK", (prompt, { signal }) => generate({ prompt, abortSignal: signal })];
  }
  if (hasMethods(agent, "asTool", "getSystemPrompt", "getAllTools")) return ["OpenAI Agents", askOpenAi(agent)];
  return askOfLangChain(agent);
}

/** Agents of this SDK have no method that runs them; as tools of another agent they run themselves. */
function askOpenAi(agent: Foreign): Ask {
  const customOutputExtractor = (result: unknown): unknown => plainAnswer(result);
  const tool = method(agent, "asTool")({ toolDescription: "", customOutputExtractor }) as Foreign;
  return (prompt, call) => invokeOpenAi(tool, { input: prompt }, call);
}

/** Graphs take messages, models a text. Other runnables take what they take. */
function askOfLangChain(agent: Foreign): readonly [framework: string, ask: Ask] | undefined {
  if (!hasMethods(agent, "invoke")) return undefined;
  const invoke = method(agent, "invoke");
  const isGraph = agent["lg_is_pregel"] === true || hasMethods(agent["graph"], "invoke");
  if (isGraph) {
    return ["LangGraph", (content, { signal }) => invoke({ messages: [{ role: "user", content }] }, { signal })];
  }
  if (hasMethods(agent, "_llmType")) return ["LangChain", (prompt, { signal }) => invoke(prompt, { signal })];
  return undefined;
}

/** A chain or another runnable of LangChain: it is given what the program gives, and answers what it answers. */
export function fromRunnable(value: object): Found | undefined {
  const runnable = value as Foreign;
  if (runnable["lc_runnable"] !== true || !hasMethods(runnable, "invoke")) return undefined;
  const invoke = method(runnable, "invoke");
  return {
    kind: "agent",
    origin: "a LangChain runnable",
    description: textOf(runnable["description"]),
    handle: async (input, { signal }) => plainAnswer(await invoke(input, { signal })),
  };
}

/** Anything else that `generate`s or is `invoke`d is called as an agent of ours is, with the input and what is told of the call. */
export function fromAnyAgent(value: object, origin: string): Found | undefined {
  const agent = value as Foreign;
  const name = ["generate", "invoke"].find((name) => hasMethods(agent, name));
  if (name === undefined) return undefined;
  return {
    kind: "agent",
    origin,
    description: describe(agent),
    inputSchema: schemaOf(agent["inputSchema"]),
    outputSchema: schemaOf(agent["outputSchema"]),
    handle: method(agent, name),
  };
}

function describe(agent: Foreign): string {
  const { description, handoffDescription } = agent;
  const told = textOf(description) || textOf(handoffDescription);
  if (told !== "" || !hasMethods(agent, "getDescription")) return told;
  return textOf(method(agent, "getDescription")());
}
