const MIN_LENGTH = 6; // shorter ones are in every text by chance

/** Takes out, word by word, what the app has added to the requests of one call. */
export class Redactor {
  readonly #secrets: Buffer[] = [];

  add(headers: Readonly<Record<string, string>>): void {
    for (const value of Object.values(headers)) {
      // `Bearer abc` and `abc`
      for (const secret of new Set([value, value.split(" ").at(-1) ?? ""])) {
        if (secret.length >= MIN_LENGTH) this.#secrets.push(Buffer.from(secret));
      }
    }
    this.#secrets.sort((one, other) => other.length - one.length);
  }

  text(text: string): string {
    return this.#secrets.length === 0 ? text : this.bytes(Buffer.from(text)).toString();
  }

  bytes(bytes: Buffer): Buffer {
    for (const secret of this.#secrets) {
      for (let at = bytes.indexOf(secret); at !== -1; at = bytes.indexOf(secret, at + secret.length)) {
        bytes.fill("*", at, at + secret.length);
      }
    }
    return bytes;
  }
}
