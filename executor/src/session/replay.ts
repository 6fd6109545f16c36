import type { CallResult } from "@codemode/proto/messages";
import type { Lease } from "../pool/lease.ts";

/** Gives a program that runs again the answers it had before, no faster than its worker takes them. */
export class Replay {
  readonly #answers: readonly CallResult[];
  readonly #lease: Lease;
  #sent = 0;
  #isSent = false;
  #returned = 0;

  /** `answers` may grow until they are sent. */
  constructor(answers: readonly CallResult[], lease: Lease) {
    this.#answers = answers;
    this.#lease = lease;
  }

  /** To be called once. Goes on by itself for as long as the lease does. */
  begin(): void {
    while (this.#sent < this.#answers.length) {
      const hasRoom = this.#lease.settle(this.#answers[this.#sent] as CallResult);
      this.#sent += 1;
      if (!hasRoom) return this.#lease.onRoom(() => this.#lease.running && this.begin());
    }
    this.#isSent = true;
  }

  /** True when all answers are on their way, and further ones follow by themselves. */
  get isSent(): boolean {
    return this.#isSent;
  }

  /** To be called when the program waits again, with how often it was entered: for its start, and for each answer. */
  returned(entries: number): void {
    this.#returned += entries;
  }

  /** True when the program gets further than it was: it has its last answer, or comes to it next. */
  get isOver(): boolean {
    return this.#isSent && this.#returned >= this.#sent;
  }
}
