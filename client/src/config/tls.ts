import { type CertificateFiles, readCertificates } from "@codemode/proto/certificates";
import { addressesIn, parseAddress } from "./address.ts";
import type { ClientConfig } from "./schema.ts";

/** What errors call a key: where its value comes from. */
type Label = (path: string) => string;

/** The files of the section `tls`. */
export function certificateFiles(
  { caFile, certFile, keyFile }: ClientConfig["tls"],
  label: Label = (path) => path,
): CertificateFiles {
  const named = (key: string, path: string) => ({ name: label(`tls.${key}`), path });
  return {
    ca: caFile === undefined ? undefined : named("caFile", caFile),
    identity:
      certFile === undefined || keyFile === undefined
        ? undefined
        : { cert: named("certFile", certFile), key: named("keyFile", keyFile) },
  };
}

/** What would give the key away, or fail with the first connection to a remote executor. */
export function* tlsProblems({ executor, tls }: ClientConfig, label: Label): Generator<string> {
  const exposed = addressesIn(executor.url).find((address) => {
    const { secure, local } = parseAddress(address);
    return !secure && !local;
  });
  if (executor.apiKey !== undefined && !executor.allowInsecureKey && exposed !== undefined) {
    const fix = "write https:// in front of it, or set executor.allowInsecureKey where nobody else can listen";
    yield `${label("executor.apiKey")}: the key would cross a network in clear text to ${exposed}; ${fix}`;
  }
  if (tls.certFile !== undefined && tls.keyFile === undefined) yield `${label("tls.certFile")}: needs tls.keyFile`;
  if (tls.keyFile !== undefined && tls.certFile === undefined) yield `${label("tls.keyFile")}: needs tls.certFile`;
  try {
    readCertificates(certificateFiles(tls, label));
  } catch (error) {
    yield (error as Error).message;
  }
}
