import { type CallError, CallErrorType } from "@codemode/proto/messages";

const MAX_TEXT = 8192; // a message goes into a model's context; longer ones are dumps

/** What a program may see of an error that a handler threw: never its stack, never its cause. */
export function toCallError(thrown: unknown): CallError {
  const type = CallErrorType.CALL_ERROR_TYPE_TOOL_ERROR;
  try {
    if (typeof thrown !== "object" || thrown === null) {
      return { type, name: "Error", message: clip(String(thrown)), code: "", retryable: false };
    }
    const { name, message, code, retryable } = thrown as Record<string, unknown>;
    return {
      type,
      name: typeof name === "string" ? clip(name) : "Error",
      message: typeof message === "string" ? clip(message) : "The handler threw what is no error",
      code: typeof code === "string" || typeof code === "number" ? clip(String(code)) : "",
      retryable: retryable === true,
    };
  } catch {
    return { type, name: "Error", message: "The handler threw what cannot be read", code: "", retryable: false };
  }
}

/** The arguments of a call do not fit. */
export function inputError(message: string): CallError {
  const type = CallErrorType.CALL_ERROR_TYPE_TOOL_INPUT_ERROR;
  return { type, name: "ToolInputError", message: clip(message), code: "", retryable: false };
}

/** What a handler returned does not fit, or cannot cross. */
export function outputError(message: string): CallError {
  const type = CallErrorType.CALL_ERROR_TYPE_TOOL_OUTPUT_ERROR;
  return { type, name: "ToolOutputError", message: clip(message), code: "", retryable: false };
}

/** A handler took longer than it may. */
export function timeoutError(name: string, timeoutMs: number): CallError {
  const type = CallErrorType.CALL_ERROR_TYPE_TOOL_ERROR;
  const message = `"${name}" took longer than ${timeoutMs} ms`;
  return { type, name: "TimeoutError", message, code: "TIMEOUT", retryable: true };
}

function clip(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
