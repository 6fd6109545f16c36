import { CodemodeError } from "@codemode/proto";

/** No worker is free and the line is full. */
export class BusyError extends CodemodeError {
  /** The shortest wait that makes another attempt worth while, in milliseconds. */
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number) {
    super("BUSY", message);
    this.retryAfterMs = retryAfterMs;
  }
}
