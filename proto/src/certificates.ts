import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { CodemodeError } from "./errors.ts";

/** A file, with what an error calls it: the variable or the key of the configuration that names it. */
export interface NamedFile {
  readonly name: string;
  readonly path: string;
}

/** The files of one end of TLS, all of them PEM. */
export interface CertificateFiles {
  /** Whose certificates this end accepts from its peer. */
  readonly ca?: NamedFile | undefined;
  /** What this end presents: its own certificate, followed by those between it and the root, and its key. */
  readonly identity?: { readonly cert: NamedFile; readonly key: NamedFile } | undefined;
}

const MAX_BYTES = 1_048_576; // all roots of a system take a quarter of that
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Reads what the files hold, for TLS 1.2 or later.
 *
 * @throws CodemodeError INVALID_CONFIG, by name, for a file that is missing or holds nothing of the kind, a key that does
 * not fit its certificate, and a certificate that has expired.
 */
export function readCertificates({ ca, identity }: CertificateFiles): SecureContextOptions {
  const options: SecureContextOptions = {
    minVersion: "TLSv1.2",
    ...(ca && { ca: readCa(ca) }),
    ...(identity && readIdentity(identity)),
  };
  try {
    createSecureContext(options);
  } catch (cause) {
    throw unusable(identity?.cert ?? ca!, `TLS cannot use it: ${(cause as Error).message}`, cause); // a key too short, say
  }
  return options;
}

/** Until when the files of one end are of use, by name: its own certificate, and the last of those that it accepts others by. */
export function expiries({ ca, identity }: CertificateFiles): { readonly name: string; readonly at: Date }[] {
  const own = identity && { name: identity.cert.name, at: readChain(identity.cert).certificates[0].validToDate };
  const ends = ca && readChain(ca).certificates.map(({ validToDate }) => validToDate.getTime());
  return [...(ca && ends ? [{ name: ca.name, at: new Date(Math.max(...ends)) }] : []), ...(own ? [own] : [])];
}

/** Certificates that follow their files. Files that cannot be used, or not yet, change nothing. */
export class FollowedCertificates {
  readonly #files: CertificateFiles;
  readonly #onProblem: (message: string) => void;
  #stamp: string;
  #current: SecureContextOptions;

  /** Throws as {@link readCertificates} does; later, `onProblem` is told instead, once for each change. */
  constructor(files: CertificateFiles, onProblem: (message: string) => void) {
    this.#files = files;
    this.#onProblem = onProblem;
    this.#stamp = stampOf(files);
    this.#current = readCertificates(files);
  }

  /** As the files were when somebody last looked; the same object until they have changed. */
  get current(): SecureContextOptions {
    return this.#current;
  }

  /** Looks at the files: some microseconds for each, so that whoever connects can afford it. True when `current` is new. */
  look(): boolean {
    const stamp = stampOf(this.#files); // before reading: a change in between is seen the next time
    if (stamp === this.#stamp) return false;
    this.#stamp = stamp;
    try {
      this.#current = readCertificates(this.#files);
      return true;
    } catch (error) {
      this.#onProblem((error as Error).message);
      return false;
    }
  }
}

/** Of several roots some may be on their way out: one that is good today is enough. */
function readCa(file: NamedFile): string {
  const { text, certificates } = readChain(file);
  const reasons = certificates.map(whyNotToday);
  if (reasons.every((why) => why !== undefined)) throw unusable(file, reasons[0]!);
  return text;
}

function readIdentity({ cert, key }: NonNullable<CertificateFiles["identity"]>): { cert: string; key: string } {
  const { text, certificates } = readChain(cert);
  const [own] = certificates;
  const why = whyNotToday(own);
  if (why !== undefined) throw unusable(cert, why);
  const secret = read(key);
  if (own.checkPrivateKey(parseKey(key, secret))) return { cert: text, key: secret };
  throw unusable(key, `it is not the key of the certificate in "${cert.path}"`);
}

function readChain(file: NamedFile): { text: string; certificates: readonly [X509Certificate, ...X509Certificate[]] } {
  const text = read(file);
  const [first, ...more] = text.match(CERTIFICATE) ?? [];
  if (first === undefined) throw unusable(file, "there is no certificate in it");
  return { text, certificates: [parseCertificate(file, first), ...more.map((block) => parseCertificate(file, block))] };
}

function whyNotToday({ subject, validFromDate, validToDate }: X509Certificate): string | undefined {
  const name = `the certificate of "${subject.replaceAll("\n", ", ")}"`;
  if (validToDate.getTime() < Date.now()) return `${name} has expired on ${validToDate.toISOString()}`;
  if (validFromDate.getTime() > Date.now()) return `${name} is not valid before ${validFromDate.toISOString()}`;
  return undefined;
}

function parseCertificate(file: NamedFile, block: string): X509Certificate {
  try {
    return new X509Certificate(block);
  } catch (cause) {
    throw unusable(file, "a certificate in it cannot be read", cause);
  }
}

function parseKey(file: NamedFile, text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (cause) {
    const isEncrypted = (cause as NodeJS.ErrnoException).code === "ERR_MISSING_PASSPHRASE";
    throw unusable(file, isEncrypted ? "the key in it needs a passphrase: store it without" : "there is no key in it");
  }
}

function read(file: NamedFile): string {
  try {
    if (statSync(file.path).size <= MAX_BYTES) return readFileSync(file.path, "utf8");
  } catch (cause) {
    throw unusable(file, `it cannot be read (${(cause as NodeJS.ErrnoException).code})`, cause);
  }
  throw unusable(file, "it is larger than 1 MiB");
}

function unusable({ name, path }: NamedFile, why: string, cause?: unknown): CodemodeError {
  return new CodemodeError("INVALID_CONFIG", `${name}: cannot use "${path}": ${why}`, { cause });
}

/** Changes with whatever is done to a file: written to, replaced, or reached by way of another link. */
function stampOf({ ca, identity }: CertificateFiles): string {
  return [ca, identity?.cert, identity?.key].map((file) => file && stamp(file.path)).join(" ");
}

function stamp(path: string): string {
  try {
    const { ino, ctimeNs } = statSync(path, { bigint: true });
    return `${ino}:${ctimeNs}`;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
