import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { join, resolve } from "node:path";
import { makeAuthority } from "./authority.ts";
import { ExitCode, UsageError } from "./exit-codes.ts";
import { note, print } from "./print.ts";

export interface TlsOptions {
  readonly out: string;
  /** Beside those of this machine's loopback. */
  readonly host?: readonly string[];
  readonly force?: boolean;
}

const LOOPBACK = ["localhost", "127.0.0.1", "::1"];
const HOST = /^(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;
const DAYS = 30;
const MS_PER_DAY = 86_400_000;
const MS_PER_HOUR = 3_600_000;

/** `codemode tls`: certificates for development, each of an authority that is forgotten when it has signed them. */
export async function tls({ out, host = [], force = false }: TlsOptions): Promise<number> {
  const wrong = host.find((name) => !isIP(name) && !HOST.test(name));
  if (wrong !== undefined)
    throw new UsageError(`--host ${JSON.stringify(wrong)}: expected a host name or an IP address`);
  const folder = resolve(out);
  const now = Date.now();
  const authority = await makeAuthority("Codemode development CA", {
    notBefore: new Date(now - MS_PER_HOUR), // clocks differ
    notAfter: new Date(now + DAYS * MS_PER_DAY),
  });
  const server = await authority.issue({ name: "Codemode executor", hosts: [...new Set([...LOOPBACK, ...host])] });
  const client = await authority.issue({ name: "Codemode client" });
  write(folder, force, [
    { name: "ca.pem", text: authority.cert, mode: 0o644 },
    { name: "server.pem", text: server.cert, mode: 0o644 },
    { name: "server-key.pem", text: server.key, mode: 0o600 },
    { name: "client.pem", text: client.cert, mode: 0o644 },
    { name: "client-key.pem", text: client.key, mode: 0o600 },
  ]);
  note(`Certificates for ${DAYS} days are in ${folder}. For the executor, and for its clients:`);
  await print(`CODEMODE_EXECUTOR_TLS_CERT_FILE=${join(folder, "server.pem")}
CODEMODE_EXECUTOR_TLS_KEY_FILE=${join(folder, "server-key.pem")}
CODEMODE_EXECUTOR_TLS_CLIENT_CA_FILE=${join(folder, "ca.pem")}

CODEMODE_TLS_CA_FILE=${join(folder, "ca.pem")}
CODEMODE_TLS_CERT_FILE=${join(folder, "client.pem")}
CODEMODE_TLS_KEY_FILE=${join(folder, "client-key.pem")}
`);
  return ExitCode.ok;
}

interface NewFile {
  readonly name: string;
  readonly text: string;
  readonly mode: number;
}

/** All of them or, where one is there already and not to be replaced, none. */
function write(folder: string, replace: boolean, files: readonly NewFile[]): void {
  const taken = files.find(({ name }) => existsSync(join(folder, name)));
  if (taken && !replace) {
    throw new UsageError(
      `${join(folder, taken.name)} is there already: choose another --out, or replace it by --force`,
    );
  }
  try {
    mkdirSync(folder, { recursive: true });
    for (const { name, text, mode } of files) {
      const path = join(folder, name);
      rmSync(path, { force: true }); // a file that is written to keeps its mode
      writeFileSync(path, text, { mode, flag: "wx" });
    }
  } catch (error) {
    throw new UsageError(`Cannot write to ${folder} (${(error as NodeJS.ErrnoException).code})`);
  }
}
