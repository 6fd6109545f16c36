import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempDisposableSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { type CallRow, SqliteStore } from "../client/src/journal/index.ts";

// The journal as a file: what kills and races do to it, and what is said of a file that cannot be used.

function temporary(): Disposable & { readonly path: string; readonly file: string } {
  const folder = mkdtempDisposableSync(join(tmpdir(), "codemode-journal-"));
  return { path: folder.path, file: join(folder.path, "journal.db"), [Symbol.dispose]: () => folder.remove() };
}

function script(name: string, ...args: string[]): ChildProcess {
  const stdio = ["pipe", "pipe", "inherit"] as const;
  const options = { stdio: [...stdio], timeout: 20_000, killSignal: "SIGKILL" as const }; // none outlives a failed test
  return spawn(process.execPath, [join(import.meta.dirname, name), ...args], options);
}

/** Changes the file behind the store's back. */
function edit(file: string, sql: string): void {
  using database = new DatabaseSync(file);
  database.exec(sql);
}

function integrity(file: string): unknown {
  using database = new DatabaseSync(file);
  return database.prepare("PRAGMA integrity_check").all();
}

async function open(file: string, work: (store: SqliteStore) => unknown = () => {}): Promise<void> {
  await using store = new SqliteStore(file);
  await work(store);
}

const NOBODY = 65_534;
const record = { executionId: "run", fingerprint: "one", start: new Uint8Array(10), createdAt: new Date() };

const call: CallRow = {
  seq: 1,
  kind: "tool",
  name: "mail.send",
  argumentsHash: new Uint8Array(32),
  state: "pending",
  handled: true,
  startedAt: new Date(),
};

/** A journal with one run, which has made one call. */
async function journal(file: string): Promise<void> {
  await open(file, async (store) => {
    const claim = await store.claim(record, "app-1", 600_000);
    if (claim.kind !== "owned") throw new Error(claim.kind);
    await store.put("run", claim.fence, { ...call, result: new Uint8Array(100_000).fill(7) });
  });
}

test("of processes that claim the same runs at once, in a file that none has made yet, each run gets one", async () => {
  using folder = temporary();
  const owners = ["a", "b", "c", "d"].map((owner) => script("journal-claimer.ts", folder.file, owner, "200"));
  await Promise.all(owners.map((child) => once(child.stdout!, "data"))); // "ready"
  const printed = owners.map((child) => text(child.stdout!));
  for (const child of owners) child.stdin!.write("go\n");
  const owned = (await Promise.all(printed)).flatMap((lines) => JSON.parse(lines) as string[]);
  expect(owned.toSorted()).toEqual(Array.from({ length: 200 }, (_, n) => `run-${n}`).toSorted());
  expect(integrity(folder.file)).toEqual([{ integrity_check: "ok" }]);
});

test.each([1, 40, 700])(
  "a process that is killed after %i calls loses none whose put() has resolved",
  async (count) => {
    using folder = temporary();
    const writer = script("journal-writer.ts", folder.file);
    let printed = "";
    const last = () => Number(printed.slice(0, printed.lastIndexOf("\n")).split("\n").at(-1));
    writer.stdout!.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
      if (last() >= count) writer.kill("SIGKILL");
    });
    await once(writer, "close");
    expect(writer.signalCode).toBe("SIGKILL");
    expect(last()).toBeGreaterThanOrEqual(count);

    await open(folder.file, async (store) => {
      const { calls = [] } = (await store.load("run")) ?? {};
      const settled = calls.filter(({ state }) => state === "succeeded");
      expect(settled.length).toBeGreaterThanOrEqual(last());
      expect(calls.length - settled.length).toBeLessThanOrEqual(1); // the one at which it died
      for (const { seq, settleOrder, result } of settled) {
        expect(settleOrder).toBe(seq);
        expect(Buffer.from(result ?? [])).toEqual(Buffer.alloc(seq % 5000, seq));
      }
    });
    expect(integrity(folder.file)).toEqual([{ integrity_check: "ok" }]);
  },
);

test("what one store has recorded, another on the same file sees at once, and after both are closed", async () => {
  using folder = temporary();
  await open(folder.file, async (one) => {
    await open(folder.file, async (other) => {
      const claim = await one.claim(record, "app-1", 600_000);
      expect(await other.claim(record, "app-2", 600_000)).toMatchObject({ kind: "held", owner: "app-1" });
      if (claim.kind === "owned") await one.put("run", claim.fence, call);
      expect(await other.load("run")).toMatchObject({ calls: [call] });
    });
  });
  await open(folder.file, async (store) => expect(await store.load("run")).toMatchObject({ record, calls: [call] }));
});

const toSecond = "DROP INDEX manifest_runs; ALTER TABLE runs DROP COLUMN manifest; DROP TABLE manifests";

test.each([
  ["1, which counted no attempts", `${toSecond}; ALTER TABLE runs DROP COLUMN attempts; PRAGMA user_version = 1`, 1],
  ["2, which had each manifest in the start", `${toSecond}; UPDATE runs SET attempts = 3; PRAGMA user_version = 2`, 3],
])("a journal of version %s, is brought to this one", async (_, older, attempts) => {
  using folder = temporary();
  await journal(folder.file);
  edit(folder.file, older);
  for (const _ of ["brought", "found"]) {
    await open(folder.file, async (store) => {
      expect(await store.load("run")).toEqual({
        record,
        calls: [{ ...call, result: expect.any(Uint8Array) }],
        attempts,
        state: expect.objectContaining({ kind: "owned", owner: "app-1" }),
      });
    });
  }
  await open(folder.file, async (store) => {
    const manifest = { hash: new Uint8Array(32), encoded: new Uint8Array(5_000) };
    const claim = await store.claim({ ...record, executionId: "new", manifest }, "app-1", 600_000);
    expect(claim).toMatchObject({ run: { attempts: 0 } });
    expect(await store.load("new")).toMatchObject({ record: { manifest } });
  });
  expect(integrity(folder.file)).toEqual([{ integrity_check: "ok" }]);
});

test("how a run ended is told, and that somebody has it, without reading what led there", async () => {
  using folder = temporary();
  await journal(folder.file);
  edit(folder.file, "UPDATE calls SET kind = 'unreadable'");
  await open(folder.file, async (store) => {
    expect(await store.claim(record, "app-2", 600_000)).toMatchObject({ kind: "held", owner: "app-1" });
    await expect(store.load("run")).rejects.toThrow(/unreadable/);
    edit(folder.file, "UPDATE runs SET owner = NULL, leased_until = NULL, outcome = 'ok', finished_at = 1");
    expect(await store.claim(record, "app-2", 600_000)).toEqual({ kind: "done", outcome: "ok" });
  });
});

test("the file and what stands beside it are for its user alone", async () => {
  using folder = temporary();
  await open(folder.file, () => {
    for (const name of ["", "-wal", "-shm"]) expect(statSync(`${folder.file}${name}`).mode & 0o777).toBe(0o600);
  });
});

test("a file that is there keeps its mode", async () => {
  using folder = temporary();
  writeFileSync(folder.file, "");
  chmodSync(folder.file, 0o640);
  await open(folder.file);
  expect(statSync(folder.file).mode & 0o777).toBe(0o640);
});

test("an app without a journal file never loads node:sqlite, and one with it sees no warning", async () => {
  using folder = temporary();
  const code = `
    import { MemoryStore, SqliteStore } from ${JSON.stringify(join(import.meta.dirname, "../client/src/journal/index.ts"))};
    const isLoaded = () => process.moduleLoadList.includes("NativeModule sqlite");
    new MemoryStore();
    console.log(isLoaded());
    new SqliteStore(${JSON.stringify(folder.file)});
    console.log(isLoaded());`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code]);
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  expect({ out, err }).toEqual({ out: "false\ntrue\n", err: "" });
});

interface Bad {
  readonly name: string;
  /** Makes it, and says where. */
  readonly make: (folder: { readonly path: string; readonly file: string }) => string | Promise<string>;
  readonly why: string;
}

const bad: readonly Bad[] = [
  {
    name: "a text file",
    make: ({ file }) => {
      writeFileSync(file, "name: value\n".repeat(100));
      return file;
    },
    why: "it is no SQLite database; name another file, or move this one away",
  },
  {
    name: "the database of another program",
    make: ({ file }) => {
      edit(file, "CREATE TABLE notes (text TEXT)");
      return file;
    },
    why: "it is the database of another program; name a file of its own for the journal",
  },
  {
    name: "a journal of a newer version",
    make: async ({ file }) => {
      await journal(file);
      edit(file, "PRAGMA user_version = 4");
      return file;
    },
    why: "a newer version of Codemode has written it (its format is 4, and this version knows formats up to 3); update",
  },
  {
    name: "a journal without its tables",
    make: async ({ file }) => {
      await journal(file);
      edit(file, "DROP TABLE fences");
      return file;
    },
    why: "no such table: fences",
  },
  { name: "a folder", make: ({ path }) => path, why: "it is a folder; name a file in it" },
  {
    name: "a file in no folder",
    make: ({ path }) => join(path, "data", "journal.db"),
    why: 'data"; make it first',
  },
  {
    name: "a file in a file",
    make: ({ file }) => {
      writeFileSync(file, "");
      return join(file, "journal.db");
    },
    why: 'journal.db"; make it first',
  },
  {
    name: "a place where nothing can be made",
    make: () => "/sys/journal.db", // not even root may
    why: "give this process the right to read and write the file and its folder",
  },
];

test.each(bad)("$name is refused with the reason and the path, and left as it is", async ({ make, why }) => {
  using folder = temporary();
  const file = await make(folder);
  const before = statSync(file, { throwIfNoEntry: false })?.isFile() ? readFileSync(file) : undefined;
  expect(() => new SqliteStore(file)).toThrow(
    expect.objectContaining({
      name: "ConfigError",
      message: expect.stringMatching(/^Cannot open the journal "[^\n]+$/),
    }),
  );
  expect(() => new SqliteStore(file)).toThrow(`Cannot open the journal ${JSON.stringify(file)}: `);
  expect(() => new SqliteStore(file)).toThrow(why);
  if (before) expect(readFileSync(file).equals(before)).toBe(true);
});

test("a file that may only be read is refused", async () => {
  using folder = temporary();
  await journal(folder.file);
  chmodSync(dirname(folder.file), 0o755);
  chmodSync(folder.file, 0o444);
  const isRoot = process.geteuid?.() === 0; // who may do everything, so it is somebody else who tries
  if (isRoot) process.seteuid?.(NOBODY);
  try {
    expect(() => new SqliteStore(folder.file)).toThrow(
      "it may only be read; give this process the right to read and write",
    );
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
});

test.each([
  ["UPDATE calls SET state = 'lost'", 'call 1 of "run" has the state "lost", which is none'],
  ["UPDATE calls SET kind = 'robot'", 'call 1 of "run" is of the kind "robot", which is none'],
  ["UPDATE calls SET started_at = 9000000000000000", "it has 9000000000000000 for a time"],
  ["UPDATE runs SET leased_until = NULL", "it has null for a time"],
  ["UPDATE runs SET fence = 9223372036854775807", "Value is too large"],
])("a row that says what no version writes is named: %s", async (sql, why) => {
  using folder = temporary();
  await journal(folder.file);
  edit(folder.file, sql);
  await open(folder.file, async (store) => {
    const error = expect.objectContaining({ code: "INTERNAL", message: expect.stringContaining(why) });
    await expect(store.load("run")).rejects.toThrow(error);
    await expect(store.load("run")).rejects.toThrow(`Cannot use the journal ${JSON.stringify(folder.file)}: `);
    expect(await store.load("another run")).toBeUndefined(); // and the store goes on
  });
});

test("a file with pages of garbage is said to be damaged", async () => {
  using folder = temporary();
  await journal(folder.file);
  const bytes = readFileSync(folder.file);
  bytes.fill(0xa5, 4096); // all but the first page
  writeFileSync(folder.file, bytes);
  await open(folder.file, async (store) => {
    await expect(store.load("run")).rejects.toThrow("it is damaged; restore it from a backup, or move it away");
  });
});
