import type { DatabaseSync, StatementSync } from "node:sqlite";

// A write says in its own text which fence it needs, so it is atomic without a transaction around it. What it was that
// stood in its way is asked only when nothing has changed: a lost fence and a settled call stay so.
const sources = {
  run: `
    SELECT id, execution_id, fence, attempts, owner, leased_until, created_at, finished_at, fingerprint, outcome, manifest
      FROM runs WHERE execution_id = ?`,
  start: "SELECT start FROM runs WHERE id = ?",
  call: "SELECT * FROM calls WHERE run = ? AND seq = ?",
  calls: "SELECT * FROM calls WHERE run = ? ORDER BY seq",
  insert: "INSERT INTO runs (execution_id, fence, created_at, fingerprint, manifest, start) VALUES (?, 0, ?, ?, ?, ?)",
  manifest: "SELECT encoded FROM manifests WHERE hash = ?",
  hasManifest: "SELECT 1 FROM manifests WHERE hash = ?",
  insertManifest: "INSERT INTO manifests VALUES (?, ?)",
  nextFence: "UPDATE fences SET last = last + 1 RETURNING last",
  own: "UPDATE runs SET fence = ?, owner = ?, leased_until = ? WHERE execution_id = ?",
  renew: "UPDATE runs SET leased_until = ? WHERE execution_id = ? AND fence = ? AND owner IS NOT NULL",
  countAttempts: `
    UPDATE runs SET attempts = max(attempts, ?) WHERE execution_id = ? AND fence = ? AND owner IS NOT NULL`,
  put: `
    INSERT INTO calls SELECT id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM runs
      WHERE execution_id = ? AND fence = ? AND owner IS NOT NULL
    ON CONFLICT (run, seq) DO UPDATE SET
      state = excluded.state, handled = excluded.handled, started_at = excluded.started_at,
      settled_at = excluded.settled_at, settle_order = excluded.settle_order, result = excluded.result
    WHERE state = 'pending' AND kind = excluded.kind AND name = excluded.name
      AND arguments_hash = excluded.arguments_hash AND handled <= excluded.handled`,
  finish: `
    UPDATE runs SET owner = NULL, leased_until = NULL, outcome = ?, finished_at = ?
      WHERE execution_id = ? AND fence = ? AND owner IS NOT NULL`,
  release: "UPDATE runs SET owner = NULL, leased_until = NULL WHERE execution_id = ? AND fence = ?",
  resolve: `
    UPDATE calls SET state = ?5, handled = ?6, started_at = ?7, settled_at = ?8, settle_order = ?9, result = ?10
      WHERE seq = ?1 AND run = ?11`,
  prune: "DELETE FROM runs WHERE id IN (SELECT id FROM runs WHERE finished_at < ? LIMIT ?)",
  pruneManifests: `
    DELETE FROM manifests WHERE NOT EXISTS (SELECT 1 FROM runs WHERE runs.manifest = manifests.hash)`,
};

export type Statements = Readonly<Record<keyof typeof sources, StatementSync>>;

export function prepareStatements(database: DatabaseSync): Statements {
  const prepared = Object.entries(sources).map(([name, sql]) => [name, database.prepare(sql)]);
  return Object.fromEntries(prepared) as Statements;
}
