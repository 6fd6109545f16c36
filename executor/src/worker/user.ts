/**
 * Gives up root for good. To be called when everything is loaded, which an install directory may allow to root alone, and
 * before the first program.
 */
export function become(uid: number): void {
  process.setgroups?.([]);
  process.setgid?.(uid);
  process.setuid?.(uid);
}
