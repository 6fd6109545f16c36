import { mkdtempDisposableSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Authority, type Identity, makeAuthority, type Validity } from "../client/src/cli/authority.ts";

const DAY_MS = 86_400_000;

/** From so many days ago, for so many days. */
export function validity(ago: number, days: number): Validity {
  const from = Date.now() - ago * DAY_MS;
  return { notBefore: new Date(from), notAfter: new Date(from + days * DAY_MS) };
}

/** A folder with the certificates of an executor on localhost and of a client, by one authority. */
export class Certificates implements Disposable {
  readonly authority: Authority;
  readonly #folder = mkdtempDisposableSync(join(tmpdir(), "codemode-tls-"));

  private constructor(authority: Authority) {
    this.authority = authority;
  }

  static async make(valid = validity(1, 2)): Promise<Certificates> {
    const made = new Certificates(await makeAuthority("Test CA", valid));
    made.write("ca", made.authority.cert);
    await made.issue("server", ["localhost", "127.0.0.1"]);
    await made.issue("client");
    return made;
  }

  /** For an executor with TLS. */
  get server() {
    return {
      CODEMODE_EXECUTOR_TLS_CERT_FILE: this.path("server"),
      CODEMODE_EXECUTOR_TLS_KEY_FILE: this.path("server-key"),
    };
  }

  /** For one that asks for certificates as well. */
  get mutualServer() {
    return { ...this.server, CODEMODE_EXECUTOR_TLS_CLIENT_CA_FILE: this.path("ca") };
  }

  /** For a client that presents nothing. */
  get anyone() {
    return { caFile: this.path("ca") };
  }

  get client() {
    return { ...this.anyone, certFile: this.path("client"), keyFile: this.path("client-key") };
  }

  path(name: string): string {
    return join(this.#folder.path, `${name}.pem`);
  }

  /** Writes or replaces a file. */
  write(name: string, text: string): string {
    writeFileSync(this.path(`${name}.new`), text);
    renameSync(this.path(`${name}.new`), this.path(name));
    return this.path(name);
  }

  /** Writes a certificate, and its key beside it. */
  async issue(name: string, hosts?: readonly string[], by = this.authority): Promise<Identity> {
    const identity = await by.issue({ name: `Test ${name}`, ...(hosts && { hosts }) });
    this.write(name, identity.cert);
    this.write(`${name}-key`, identity.key);
    return identity;
  }

  [Symbol.dispose](): void {
    this.#folder.remove();
  }
}
