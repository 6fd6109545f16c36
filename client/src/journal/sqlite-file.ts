import { accessSync, closeSync, constants, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { ConfigError } from "../errors.ts";
import { isLocked, Unusable, whyFailed } from "./sqlite-failure.ts";
import { loadSqlite } from "./sqlite-module.ts";
import { prepareStatements, type Statements } from "./sqlite-statements.ts";

const APPLICATION_ID = 0x636d6a6c; // "cmjl" in the header of the file: ours, and no other program's database
const SCHEMA_VERSION = 3;

/** How long a process waits, blocked, for another to end a transaction, while it opens the file. Ours take milliseconds. */
const OPEN_TIMEOUT_MS = 5_000;
/** The same, for every step after that: whoever has more time than this leaves the thread to others meanwhile. */
const STEP_TIMEOUT_MS = 20;

// What is read on every write stands before what may be long, and so on the first page of a row.
const MANIFESTS = `
  CREATE TABLE manifests (hash BLOB PRIMARY KEY, encoded BLOB NOT NULL) STRICT;
`;

const SCHEMA = `
  ${MANIFESTS}
  CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    execution_id TEXT NOT NULL UNIQUE,
    fence INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    owner TEXT, -- NULL, like leased_until: nobody
    leased_until INTEGER, -- this and all times: milliseconds since 1970
    created_at INTEGER NOT NULL,
    finished_at INTEGER, -- NULL, like outcome: not yet
    fingerprint TEXT NOT NULL,
    outcome TEXT,
    manifest BLOB REFERENCES manifests (hash), -- NULL: it is in start
    start BLOB NOT NULL
  ) STRICT;
  CREATE INDEX manifest_runs ON runs (manifest) WHERE manifest IS NOT NULL;
  CREATE INDEX finished_runs ON runs (finished_at) WHERE finished_at IS NOT NULL;
  CREATE TABLE calls (
    run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    arguments_hash BLOB NOT NULL,
    state TEXT NOT NULL,
    handled INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    settled_at INTEGER,
    settle_order INTEGER,
    result BLOB,
    PRIMARY KEY (run, seq)
  ) STRICT;
  CREATE TABLE fences (last INTEGER NOT NULL) STRICT; -- one row
  INSERT INTO fences VALUES (0);
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** From version 1, which did not count attempts. To a run of it there was one as a rule. */
const SECOND = `
  ALTER TABLE runs ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
  UPDATE runs SET attempts = 1;
  PRAGMA user_version = 2;
`;

/** From version 2, which had every manifest in the start of each run. */
const THIRD = `
  ${MANIFESTS}
  ALTER TABLE runs ADD COLUMN manifest BLOB REFERENCES manifests (hash);
  CREATE INDEX manifest_runs ON runs (manifest) WHERE manifest IS NOT NULL;
  PRAGMA user_version = 3;
`;

/** Opens the journal in `file`, an absolute path; makes it, for its user alone, when there is none. */
export function openFile(file: string): { readonly database: DatabaseSync; readonly sql: Statements } {
  const sqlite = loadSqlite();
  try {
    create(file);
    const database = new sqlite.DatabaseSync(file, { timeout: OPEN_TIMEOUT_MS });
    try {
      prepare(database);
      return { database, sql: prepareStatements(database) };
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    // Without its cause: the message says all, and the stack of a path that is wrong helps nobody.
    throw new ConfigError(`Cannot open the journal ${JSON.stringify(file)}: ${whyFailed(error)}`);
  }
}

function create(file: string): void {
  try {
    // Never opens a file that is there: closing it would drop the locks that this process has on it by SQLite.
    closeSync(openSync(file, "wx", 0o600));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR")
      throw new Unusable(`there is no folder ${JSON.stringify(dirname(file))}; make it first`);
    if (code !== "EEXIST") throw error;
    if (statSync(file).isDirectory()) throw new Unusable("it is a folder; name a file in it");
    accessSync(file, constants.R_OK | constants.W_OK); // SQLite opens for reading what it may not write
  }
}

function prepare(database: DatabaseSync): void {
  versionOf(database); // before anything is changed: the file may be somebody else's
  useWriteAheadLog(database);
  database.exec("PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE");
  const version = versionOf(database); // by now another process may have done it
  if (version === 0) database.exec(SCHEMA);
  if (version === 1) database.exec(SECOND);
  if (version === 1 || version === 2) database.exec(THIRD);
  database.exec(`COMMIT; PRAGMA busy_timeout = ${STEP_TIMEOUT_MS}`);
}

/** The version of the schema in the file, 0 in an empty one. */
function versionOf(database: DatabaseSync): number {
  const number = (sql: string) => Number(Object.values(database.prepare(sql).get() ?? {})[0]);
  if (number("SELECT count(*) FROM sqlite_schema") === 0) return 0;
  if (number("PRAGMA application_id") !== APPLICATION_ID)
    throw new Unusable("it is the database of another program; name a file of its own for the journal");
  const version = number("PRAGMA user_version");
  if (version > SCHEMA_VERSION) {
    const versions = `its format is ${version}, and this version knows formats up to ${SCHEMA_VERSION}`;
    throw new Unusable(`a newer version of Codemode has written it (${versions}); update, or name another file`);
  }
  return version;
}

/** SQLite does not wait by itself here: of four processes that open a new file at once, now and then one is refused. */
function useWriteAheadLog(database: DatabaseSync): void {
  const deadline = performance.now() + OPEN_TIMEOUT_MS;
  for (;;) {
    try {
      const mode = database.prepare("PRAGMA journal_mode = WAL").get()?.["journal_mode"];
      if (mode === "wal") return;
      throw new Unusable("its file system has no shared memory for the log; put it on a local disk");
    } catch (error) {
      if (!isLocked(error) || performance.now() > deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
