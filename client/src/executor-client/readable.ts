const MAX_SAID = 2_000; // characters of a status: it goes to logs, and is searched in more than linear time

/** What to do about a connection that did not come about, by what is said of it. */
const ADVICE: readonly (readonly [said: RegExp, advice: string])[] = [
  [/wrong version number/, "does it speak TLS? Without, write http:// or host:port"],
  [/certificate required|handshake failure/, "it asks for a certificate: set tls.certFile and tls.keyFile"],
  [/unable to (?:verify|get)|self.signed/, "tls.caFile says whom to trust"],
  [/certificate's altnames/, "tls.serverName says whose certificate to expect"],
  // It was there, and hung up without a word.
  [/^Failed to connect/, "does it speak TLS, which is https://, and does it accept tls.certFile?"],
];

/** What grpc-js says of a connection, without its own machinery and that of OpenSSL. */
export function readable(details: string): string {
  const said = details.slice(0, MAX_SAID);
  const last = said.split(/Last error: (?:Error: )?/).at(-1) ?? said;
  const text = last
    .replace(/\.?\s*Resolution note:.*$/s, "")
    .replace(/^[\dA-F]+:error:[\dA-F]+:SSL routines:[^:]*:([^:]*):.*$/s, "$1")
    .replace(/^Error \[\w+\]: /, "")
    .replace(/; if the root CA is installed locally.*$/s, "")
    .trim();
  const advice = ADVICE.find(([pattern]) => pattern.test(text))?.[1];
  return advice ? `${text}; ${advice}` : text;
}
