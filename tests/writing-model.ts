import { MockLanguageModelV4 } from "ai/test";
import { simulateReadableStream } from "ai";

type Prompt = MockLanguageModelV4["doGenerateCalls"][number]["prompt"];

/**
 * A model of the AI SDK that calls `toolName` with each of `inputs`, one a step, and then says what it has read last. It
 * keeps what it was asked, step by step.
 */
export class WritingModel extends MockLanguageModelV4 {
  readonly asked: { readonly prompt: Prompt; readonly tools: unknown }[] = [];

  constructor(toolName: string, inputs: readonly object[]) {
    const next = ({ prompt, tools }: { prompt: Prompt; tools?: unknown }) => {
      const input = inputs[this.asked.length];
      this.asked.push({ prompt, tools });
      const toolCallId = `c${this.asked.length}`;
      return input === undefined
        ? { text: `Done: ${String(this.read(this.asked.length - 1).at(-1))}` }
        : { call: { type: "tool-call" as const, toolCallId, toolName, input: JSON.stringify(input) } };
    };
    super({
      doGenerate: (options) => {
        const { text, call } = next(options);
        const content = call ? [call] : [{ type: "text" as const, text }];
        return Promise.resolve({ content, finishReason: finished(call), usage, warnings: [] });
      },
      doStream: (options) => {
        const { text, call } = next(options);
        const content = call
          ? [call]
          : [
              { type: "text-start" as const, id: "t" },
              { type: "text-delta" as const, id: "t", delta: text },
              { type: "text-end" as const, id: "t" },
            ];
        const finish = { type: "finish" as const, finishReason: finished(call), usage };
        const chunks = [{ type: "stream-start" as const, warnings: [] }, ...content, finish];
        return Promise.resolve({ stream: simulateReadableStream({ chunks }) });
      },
    });
  }

  /** The results of its tool that it has read in a step, from 0. */
  read(step: number): unknown[] {
    const parts = this.asked[step]?.prompt.flatMap((message) => (message.role === "tool" ? message.content : [])) ?? [];
    return parts.flatMap((part) => (part.type === "tool-result" && "value" in part.output ? [part.output.value] : []));
  }
}

const finished = (call: object | undefined) => ({
  unified: call ? ("tool-calls" as const) : ("stop" as const),
  raw: undefined,
});
const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};
