import { KeyObject, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import { UsageError } from "./exit-codes.ts";

/** A certificate and its key, PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** From when until when certificates are good. */
export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** What a certificate is for. */
export interface Subject {
  readonly name: string;
  /** Names and IP addresses that it is shown under, when it is a server's. */
  readonly hosts?: readonly string[];
}

/** Signs certificates. Its own key is kept nowhere, so what it has signed is all that there will be. */
export interface Authority {
  /** Its certificate, which whoever is to trust it needs. PEM. */
  readonly cert: string;
  issue(subject: Subject): Promise<Identity>;
}

const KEYS = { name: "ECDSA", namedCurve: "P-256" };
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" };

/**
 * Makes an authority whose certificates are good for `validity`, as its own is.
 *
 * @throws {@link UsageError} when the library for it is not installed.
 */
export async function makeAuthority(name: string, validity: Validity): Promise<Authority> {
  const x509 = await loadX509();
  const own = await makeKeys();
  const common = { ...validity, signingAlgorithm: SIGNATURE };
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...common,
    name: [{ CN: [name] }],
    keys: own,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(own.publicKey),
    ],
  });
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const issue = async ({ name: subject, hosts = [] }: Subject): Promise<Identity> => {
    const keys = await makeKeys();
    const isServer = hosts.length > 0;
    const alternatives = hosts.map((host) => ({ type: isIP(host) ? ("ip" as const) : ("dns" as const), value: host }));
    const cert = await x509.X509CertificateGenerator.create({
      ...common,
      subject: [{ CN: [subject] }],
      issuer: root.subject,
      publicKey: keys.publicKey,
      signingKey: own.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        // An executor is a client of its own when its container asks whether it is healthy.
        new x509.ExtendedKeyUsageExtension(isServer ? [serverAuth, clientAuth] : [clientAuth]),
        await x509.AuthorityKeyIdentifierExtension.create(root),
        ...(isServer ? [new x509.SubjectAlternativeNameExtension(alternatives)] : []),
      ],
    });
    const key = KeyObject.from(keys.privateKey).export({ type: "pkcs8", format: "pem" });
    return { cert: `${cert.toString("pem")}\n`, key: String(key) };
  };
  return { cert: `${root.toString("pem")}\n`, issue };
}

async function loadX509() {
  try {
    await import("reflect-metadata"); // which the other one expects to be there
    return await import("@peculiar/x509");
  } catch (cause) {
    const fix = "run: npm install @peculiar/x509 reflect-metadata";
    throw new UsageError(`Cannot make certificates: their library is not installed; ${fix}`, { cause });
  }
}

function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(KEYS, true, ["sign", "verify"]);
}
