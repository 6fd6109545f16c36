import type { Http2Server } from "node:http2";
import type { Socket } from "node:net";
import { Server as TlsServer, type TLSSocket } from "node:tls";

const MAX_OPEN = 128;

/**
 * Connections that have begun TLS and are no HTTP/2 connection yet. As with strangers, there is room for some, and the one
 * that came first goes when another comes. That none takes long is for the credentials to say.
 */
export class Handshakes implements Disposable {
  readonly #open = new Map<string, Socket>();

  /** Looks after the connections of a server that is bound; without TLS there is nothing to look after. */
  guard(below: Http2Server): void {
    if (!(below instanceof TlsServer)) return;
    below.on("connection", (socket) => this.#begin(socket));
    below.on("unknownProtocol", (socket: TLSSocket) => socket.destroy()); // not HTTP/2: Node would wait for it to read an answer
    below.on("secureConnection", (socket: TLSSocket) => this.#open.delete(peerOf(socket)));
  }

  /** Ends them all. */
  [Symbol.dispose](): void {
    for (const socket of this.#open.values()) socket.destroy();
  }

  #begin(socket: Socket): void {
    if (socket.remotePort === undefined) return void socket.destroy(); // gone before it was looked at, like many in a flood
    const peer = peerOf(socket);
    this.#open.set(peer, socket);
    socket.once("close", () => {
      if (this.#open.get(peer) === socket) this.#open.delete(peer);
    });
    const [first] = this.#open;
    if (!first || this.#open.size <= MAX_OPEN) return;
    this.#open.delete(first[0]);
    first[1].destroy();
  }
}

/** TLS makes another socket of a connection: what both know is who is at its other end, as long as it is open. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
