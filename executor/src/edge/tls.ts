import { type CertificateFiles, FollowedCertificates } from "@codemode/proto/certificates";
import { type Server, ServerCredentials } from "@grpc/grpc-js";
import { http2Servers } from "./grpc-internals.ts";

const HANDSHAKE_WITHIN_MS = 5_000;

/**
 * What a server presents, and asks of its clients. A new connection sees the files as they are when it comes; those that
 * are open go on.
 *
 * grpc-js has a FileWatcherCertificateProvider for the same. It turns every connection away from the moment that it reads a
 * certificate without its new key, which is how files are replaced one by one, and until its first reading is done.
 */
export class TlsCredentials extends ServerCredentials {
  readonly #certificates: FollowedCertificates;

  /** Throws INVALID_CONFIG when the files cannot be used; later, `onProblem` is told, and what was read before stays. */
  constructor(files: CertificateFiles, onProblem: (message: string) => void) {
    const certificates = new FollowedCertificates(files, onProblem);
    const asksClients = files.ca !== undefined;
    super(
      { requestCert: asksClients, rejectUnauthorized: asksClients, handshakeTimeout: HANDSHAKE_WITHIN_MS },
      certificates.current,
    );
    this.#certificates = certificates;
  }

  /** Looks at the files for every connection to a server that is bound with these. */
  follow(server: Server): void {
    for (const below of http2Servers(server)) {
      // Before TLS itself listens to the event, so that this very connection has what is found.
      below.prependListener("connection", () => {
        if (this.#certificates.look()) this.updateSecureContextOptions(this.#certificates.current);
      });
    }
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
