import { type CallInfo, type Component, type ComponentRegistry, RuntimeContext } from "../client/src/index.ts";

/** What is told of a call whose `context` and `signal` are these. */
export function callInfo(context = new RuntimeContext(), signal = new AbortController().signal): CallInfo {
  const idempotencyKey = "run:1";
  return { executionId: "run", seq: 1, idempotencyKey, correlationId: "cm-test", context, signal };
}

/** Calls a component as a run does: between its two schemas. Throws what is wrong with the input or the output. */
export async function call(component: Component, input: unknown, info = callInfo()): Promise<unknown> {
  const given = await component.input.check(input);
  if (!given.ok) throw new Error(`Input: ${given.message}`);
  const result = await component.output.check(await component.handle(given.value, info));
  if (!result.ok) throw new Error(`Output: ${result.message}`);
  return result.value;
}

export async function callTool(registry: ComponentRegistry, name: string, input?: unknown, info?: CallInfo) {
  return call(registry.getTool(name), input, info);
}

export function namesOf(registry: ComponentRegistry): string[] {
  return registry.listTools().map(({ name }) => name);
}

/** The JSON Schema that a model reads. */
export function inputOf(registry: ComponentRegistry, name: string): unknown {
  const { json } = registry.getTool(name).input;
  return json === "" ? undefined : JSON.parse(json);
}
