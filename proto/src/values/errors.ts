/** A value cannot cross without loss. `path` tells which part of it, such as `.users[3].save`. */
export class UnserializableError extends TypeError {
  override readonly name = "UnserializableError";
  readonly path: string;
  /** What is wrong with the part, such as "is a function". */
  readonly problem: string;

  constructor(path: string, problem: string) {
    super(`value${path} ${problem}`);
    this.path = path;
    this.problem = problem;
  }
}

/** A value takes more bytes than it may. */
export class ValueTooLargeError extends RangeError {
  override readonly name = "ValueTooLargeError";
}

/** A text is not what `encode` writes. */
export class MalformedValueError extends SyntaxError {
  override readonly name = "MalformedValueError";
}
