import { ValueTooLargeError } from "./errors.ts";
import { MAX_TEXT } from "./limits.ts";
import { primordials } from "./primordials.ts";
import { quote } from "./quote.ts";
import { utf8Length } from "./utf8.ts";

/** What is left of the bytes that a text may take. Each part takes its own before the next is made. */
export class Room {
  readonly #maxBytes: number;
  #left: number;

  constructor(maxBytes: number | undefined) {
    this.#maxBytes = primordials.MathMin(maxBytes ?? MAX_TEXT, MAX_TEXT);
    this.#left = this.#maxBytes;
  }

  take(text: string): string {
    this.mustHold(text.length);
    this.#left -= text.length;
    return text;
  }

  /** `value` as JSON, whose length is looked at before it is made. */
  takeString(value: string): string {
    this.mustHold(value.length);
    return this.take(quote(value));
  }

  mustHold(length: number): void {
    if (length > this.#left) throw this.#tooLarge();
  }

  /** Counts the bytes of the whole where the count of UTF-16 units, which bounds its parts, leaves a doubt. */
  mustHaveHeld(text: string): void {
    if (text.length * 3 > this.#maxBytes && utf8Length(text) > this.#maxBytes) throw this.#tooLarge();
  }

  #tooLarge(): ValueTooLargeError {
    return new ValueTooLargeError(`The value is larger than ${this.#maxBytes} bytes`);
  }
}
