import { CodemodeError } from "@codemode/proto";
import type { CertificateFiles } from "@codemode/proto/certificates";
import type { Address } from "./address.ts";
import { variableOf } from "./settings.ts";

/** A file, and what is said of it when it cannot be used. */
type Named = NonNullable<CertificateFiles["ca"]>;

interface Given {
  readonly listen: Address;
  readonly cert: Named | undefined;
  readonly key: Named | undefined;
  readonly clientCa: Named | undefined;
}

/** The files that make a server speak TLS; undefined without any. They are read by the edge. */
export function tlsFiles({ listen, cert, key, clientCa }: Given): CertificateFiles | undefined {
  const any = cert ?? key ?? clientCa;
  if (!any) return undefined;
  if (!cert) throw invalid(`${variableOf("tlsCertFile")}: it is needed beside ${any.name}`);
  if (!key) throw invalid(`${variableOf("tlsKeyFile")}: it is needed beside ${cert.name}`);
  if (listen.kind === "unix")
    throw invalid(`${cert.name}: a unix: socket has no TLS; listen on host:port, or leave it out`);
  return { identity: { cert, key }, ca: clientCa };
}

function invalid(message: string): CodemodeError {
  return new CodemodeError("INVALID_CONFIG", message);
}
