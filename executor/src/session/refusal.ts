import { CodemodeError, type ErrorCode } from "@codemode/proto";

/** A message that is not taken. Ends the stream with a status; what the program did is never one of these. */
export class Refusal extends CodemodeError {
  /** The path of the field that is wrong, such as `start.budgets.wall_time`. */
  readonly field: string;

  constructor(field: string, problem: string, code: ErrorCode = "INVALID_ARGUMENT") {
    super(code, `Cannot take ${field}: ${problem}`);
    this.field = field;
  }
}
