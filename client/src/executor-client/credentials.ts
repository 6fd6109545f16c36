import { createSecureContext } from "node:tls";
import { FollowedCertificates } from "@codemode/proto/certificates";
import { ChannelCredentials } from "@grpc/grpc-js";
import { certificateFiles, type ClientConfig, type Target } from "../config/index.ts";

/** What a client presents to executors, and whom it trusts. */
export class Credentials {
  readonly #insecure = ChannelCredentials.createInsecure();
  readonly #tls: ClientConfig["tls"];
  readonly #onProblem: (message: string) => void;
  #certificates: FollowedCertificates | undefined;
  #secure: ChannelCredentials | undefined;

  /** `onProblem` is told of files that were replaced by what cannot be used: what was read before stays. */
  constructor(tls: ClientConfig["tls"], onProblem: (message: string) => void) {
    this.#tls = tls;
    this.#onProblem = onProblem;
  }

  /**
   * For a new connection to `target`; the same object as before when nothing has changed. Without `caFile` the roots are
   * Node's. Throws a `CodemodeError` INVALID_CONFIG when the files cannot be used the first time.
   */
  for({ secure }: Target): ChannelCredentials {
    if (!secure) return this.#insecure;
    this.#certificates ??= new FollowedCertificates(certificateFiles(this.#tls), this.#onProblem);
    if (this.#certificates.look()) this.#secure = undefined;
    this.#secure ??= ChannelCredentials.createFromSecureContext(createSecureContext(this.#certificates.current));
    return this.#secure;
  }
}
