import { CodemodeError } from "../errors.ts";

type Sqlite = typeof import("node:sqlite");

/** Loads `node:sqlite`, on first use: an app without a journal file never does. */
export function loadSqlite(): Sqlite {
  // Node before 24.15 calls the module experimental. That is for us to know; the users of an app can do nothing about it.
  // Loading is synchronous, so nobody else's warning can come while ours is held back.
  // oxlint-disable-next-line typescript/unbound-method -- it is only called on its own object
  const { emitWarning } = process;
  process.emitWarning = (...args: unknown[]) => {
    if (!String(args[0]).startsWith("SQLite is an experimental feature")) Reflect.apply(emitWarning, process, args);
  };
  try {
    const sqlite: Sqlite | undefined = process.getBuiltinModule("node:sqlite"); // undefined in a Node built without it
    if (!sqlite) throw new CodemodeError("UNSUPPORTED", "A journal file needs a Node that was built with SQLite");
    return sqlite;
  } finally {
    process.emitWarning = emitWarning;
  }
}
