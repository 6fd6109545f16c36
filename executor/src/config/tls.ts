import { CodemodeError } from "@codemode/proto";
import type { CertificateFiles } from "@codemode/proto/certificates";
import type { Address } from "./address.ts";

const CERT = "CODEMODE_EXECUTOR_TLS_CERT_FILE";
const KEY = "CODEMODE_EXECUTOR_TLS_KEY_FILE";
const CLIENT_CA = "CODEMODE_EXECUTOR_TLS_CLIENT_CA_FILE";

interface Given {
  readonly listen: Address;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly clientCa: string | undefined;
}

/** The files that make a server speak TLS; undefined without any. They are read by the edge. */
export function tlsFiles({ listen, cert, key, clientCa }: Given): CertificateFiles | undefined {
  if (cert === undefined && key === undefined && clientCa === undefined) return undefined;
  if (cert === undefined) throw invalid(`${CERT}: it is needed beside ${key === undefined ? CLIENT_CA : KEY}`);
  if (key === undefined) throw invalid(`${KEY}: it is needed beside ${CERT}`);
  if (listen.kind === "unix") throw invalid(`${CERT}: a unix: socket has no TLS; listen on host:port, or leave it out`);
  return {
    identity: { cert: { name: CERT, path: cert }, key: { name: KEY, path: key } },
    ca: clientCa === undefined ? undefined : { name: CLIENT_CA, path: clientCa },
  };
}

function invalid(message: string): CodemodeError {
  return new CodemodeError("INVALID_CONFIG", message);
}
