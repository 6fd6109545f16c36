import { chmodSync, lstatSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { CodemodeError } from "@codemode/proto";
import type { Server, ServerCredentials } from "@grpc/grpc-js";
import { type Address, formatAddress } from "../config/address.ts";

/** Binds `server`, and tells the address with the port that was taken. */
export async function listen(server: Server, address: Address, credentials: ServerCredentials): Promise<Address> {
  if (address.kind === "unix") await removeStale(address.path);
  const port = await bind(server, formatAddress(address), credentials);
  if (address.kind === "tcp") return { ...address, port };
  chmodSync(address.path, 0o600);
  return address;
}

function bind(server: Server, target: string, credentials: ServerCredentials): Promise<number> {
  // Other users must not connect between bind and chmod; a thread that may not set the mask relies on its folder.
  const umask = trySetUmask(0o177);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync(target, credentials, (error, port) => {
    if (umask !== undefined) trySetUmask(umask);
    if (error)
      reject(new CodemodeError("UNREACHABLE", `Cannot listen on ${target}: ${error.message}`, { cause: error }));
    else resolve(port);
  });
  return promise;
}

function trySetUmask(mask: number): number | undefined {
  try {
    return process.umask(mask);
  } catch {
    return undefined;
  }
}

/** Removes a socket that nobody listens on, and nothing else. */
async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  const cannot = (why: string): CodemodeError =>
    new CodemodeError("INVALID_CONFIG", `Cannot listen on unix:${path}: ${why}`);
  if (!found.isSocket()) throw cannot("there is a file that is no socket");
  if (await answers(path)) throw cannot("another process listens there");
  rmSync(path, { force: true });
}

function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const probe = connect(path);
  probe.once("connect", () => resolve(true));
  probe.once("error", (error: NodeJS.ErrnoException) =>
    resolve(error.code !== "ECONNREFUSED" && error.code !== "ENOENT"),
  );
  return promise.finally(() => probe.destroy());
}
