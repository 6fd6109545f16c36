type Permission = { drop?(scope: string): void };

/**
 * Gives up for good what was needed to load the worker: its files, native packages and, where it is root, root. To be
 * called before the first program.
 */
export function giveUpRights(uid: number | undefined): void {
  const permission = process.permission as Permission | undefined; // none without --permission; no `drop` in Node 24's first releases
  permission?.drop?.("fs.read");
  permission?.drop?.("addon");
  if (uid === undefined) return;
  process.setgroups?.([]);
  process.setgid?.(uid);
  process.setuid?.(uid);
}
