/** A value cannot cross without loss. `path` tells which part of it, such as `.users[3].save`. */
export class UnserializableError extends TypeError {
  override readonly name = "UnserializableError";
  readonly path: string;
  /** What is wrong with the part, such as "is a function". */
  readonly problem: string;
  // oxlint-disable-next-line no-unused-private-class-members -- `in` uses it
  readonly #brand = true;

  constructor(path: string, problem: string) {
    super(`value${path} ${problem}`);
    this.path = path;
    this.problem = problem;
  }

  /** Unlike `instanceof` and `name`, nothing that a program makes itself passes this. */
  static is(error: unknown): error is UnserializableError {
    return typeof error === "object" && error !== null && #brand in error;
  }
}

/** A value takes more bytes than it may. */
export class ValueTooLargeError extends RangeError {
  override readonly name = "ValueTooLargeError";
  // oxlint-disable-next-line no-unused-private-class-members -- `in` uses it
  readonly #brand = true;

  /** Unlike `instanceof` and `name`, nothing that a program makes itself passes this. */
  static is(error: unknown): error is ValueTooLargeError {
    return typeof error === "object" && error !== null && #brand in error;
  }
}

/** A text is not what `encode` writes. */
export class MalformedValueError extends SyntaxError {
  override readonly name = "MalformedValueError";
}

/** What an error holds besides its texts: hidden properties, but for a `cause` that was assigned. */
export const ERROR_PARTS = ["cause", "errors", "error", "suppressed"] as const;
