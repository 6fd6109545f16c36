import { contentOf } from "./langchain.ts";
import { type Foreign, isPlain } from "./reading.ts";

/** What an agent of a framework answers, as a program sees it. */
export interface PlainAnswer {
  /** Its last words. */
  readonly text: string;
  /** What it answers to a schema of its own, if it has one. */
  readonly object?: unknown;
  /** Why it ended, in its framework's words. */
  readonly finishReason?: string;
  /** Tokens, where its framework counts them. */
  readonly usage?: { readonly inputTokens?: number; readonly outputTokens?: number };
}

/** The answer of an agent without what only its framework has a use for. What is no such answer is left as it is. */
export function plainAnswer(answer: unknown): unknown {
  if (typeof answer === "string") return { text: answer } satisfies PlainAnswer;
  if (typeof answer !== "object" || answer === null) return answer;
  const of = answer as Foreign;
  if (Array.isArray(of["lc_namespace"])) return plainAnswer(textOfContent(contentOf(answer)));
  if (Array.isArray(of["messages"]) && typeof of["text"] !== "string") return fromMessages(of);
  if ("finalOutput" in of && "rawResponses" in of) return fromOpenAi(of);
  if (typeof of["text"] === "string" && !isPlain(answer)) return fromGenerate(of);
  if (typeof of["text"] === "string" && ("finishReason" in of || "usage" in of)) return fromGenerate(of);
  return answer;
}

/** The AI SDK, and Mastra, which has it from there. */
function fromGenerate(of: Foreign): PlainAnswer {
  const object = of["object"] ?? outputOf(of);
  return {
    text: of["text"] as string,
    ...withObject(object),
    ...ending(of),
    ...counts(of["totalUsage"] ?? of["usage"]),
  };
}

/** A getter of the AI SDK that throws when the agent was asked for no output but text. */
function outputOf(of: Foreign): unknown {
  try {
    const { output } = of;
    return output === of["text"] ? undefined : output;
  } catch {
    return undefined;
  }
}

function fromOpenAi(of: Foreign): PlainAnswer {
  const { finalOutput } = of;
  const usage = (of["runContext"] as { usage?: unknown } | undefined)?.usage;
  if (typeof finalOutput === "string") return { text: finalOutput, ...counts(usage) };
  return {
    text: finalOutput === undefined ? "" : JSON.stringify(finalOutput),
    ...withObject(finalOutput),
    ...counts(usage),
  };
}

/** LangGraph: the state at the end, of which the last message is the answer. */
function fromMessages(of: Foreign): PlainAnswer {
  const last = (of["messages"] as readonly unknown[]).at(-1) as Foreign | undefined;
  const text = textOfContent(last?.["content"]);
  return { text: typeof text === "string" ? text : JSON.stringify(text), ...withObject(of["structuredResponse"]) };
}

/** The text of a message, whose parts may be of several kinds. */
function textOfContent(content: unknown): unknown {
  if (!Array.isArray(content)) return content ?? "";
  const texts = content.map((part: Foreign | string) => (typeof part === "string" ? part : part["text"]));
  return texts.filter((text) => typeof text === "string").join("");
}

function withObject(object: unknown): Pick<PlainAnswer, "object"> {
  return object === undefined ? {} : { object: structuredClone(object) };
}

function ending({ finishReason }: Foreign): Pick<PlainAnswer, "finishReason"> {
  return typeof finishReason === "string" ? { finishReason } : {};
}

function counts(usage: unknown): Pick<PlainAnswer, "usage"> {
  const { inputTokens, outputTokens } = (usage ?? {}) as Foreign;
  if (typeof inputTokens !== "number" && typeof outputTokens !== "number") return {};
  return {
    usage: {
      ...(typeof inputTokens === "number" && { inputTokens }),
      ...(typeof outputTokens === "number" && { outputTokens }),
    },
  };
}
