const MIN_LENGTH = 6; // shorter ones are in every text by chance

/** Takes out, word by word, what the app has added to the requests of one call. Case does not count: hosts have none. */
export class Redactor {
  readonly #secrets: Buffer[] = [];

  add(values: readonly string[]): void {
    for (const value of values) {
      const words = [value, value.split(" ").at(-1) ?? ""]; // `Bearer abc` and `abc`
      // In the URL of an answer it is as URLs have it.
      for (const secret of new Set([...words, ...words.map((word) => encodeURI(word.toWellFormed()))])) {
        if (secret.length >= MIN_LENGTH) this.#secrets.push(folded(Buffer.from(secret)));
      }
    }
  }

  /** Whether there is anything in `text` to take out. */
  finds(text: string): boolean {
    const bytes = folded(Buffer.from(text));
    return this.#secrets.some((secret) => bytes.includes(secret));
  }

  text(text: string): string {
    return this.#secrets.length === 0 ? text : this.bytes(Buffer.from(text)).toString();
  }

  bytes(bytes: Buffer): Buffer {
    if (this.#secrets.length === 0) return bytes;
    const original = folded(bytes);
    for (const secret of this.#secrets) {
      for (let at = original.indexOf(secret); at !== -1; at = original.indexOf(secret, at + secret.length)) {
        bytes.fill("*", at, at + secret.length);
      }
    }
    return bytes;
  }
}

/** Byte by byte in lower case, so that places stay the same. */
function folded(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString("latin1").toLowerCase(), "latin1");
}
