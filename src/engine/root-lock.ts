import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { conflict } from "../base/errors.ts";
import { tryLock } from "../linux/fd.ts";

/** Keeps a second daemon from the same roots. Throws `conflict`. The lock ends with the process, however it ends. */
export function lockRoots(...roots: readonly string[]): Disposable {
  const fds: number[] = [];
  const release = () => {
    for (const fd of fds.splice(0)) closeSync(fd);
  };
  for (const root of roots) {
    const fd = openSync(join(root, "dockerd.lock"), "a", 0o600);
    fds.push(fd);
    if (tryLock(fd)) continue;
    release();
    throw conflict(`another daemon uses ${root}`);
  }
  return { [Symbol.dispose]: release };
}
