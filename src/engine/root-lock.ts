import { closeSync, fstatSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { conflict } from "../base/errors.ts";
import { tryLock } from "../linux/fd.ts";
import { isEnding, zombieStatus } from "../linux/process.ts";

/** How long a daemon that was killed may take to let go before its lock is left to it. Milliseconds. */
const patience = 500;
const pause = 10;

/**
 * Keeps a second daemon from the same roots. Throws `conflict`. The lock ends with the process, however it ends; that of a
 * process that was killed and cannot end, as a thread of it waits in the kernel for a dead mount, is put aside.
 */
export function lockRoots(...roots: readonly string[]): Disposable {
  const fds: number[] = [];
  const release = () => {
    for (const fd of fds.splice(0)) closeSync(fd);
  };
  try {
    const deadline = performance.now() + patience;
    for (const root of roots) fds.push(lockRoot(root, deadline));
  } catch (error) {
    release();
    throw error;
  }
  return { [Symbol.dispose]: release };
}

function lockRoot(root: string, deadline: number): number {
  const path = join(root, "dockerd.lock");
  const inUse = () => conflict(`another daemon uses ${root}`);
  // Two that find the same dead holder must not both put its lock aside.
  const turn = openSync(root, "r");
  try {
    if (!tryLock(turn)) throw inUse();
    for (;;) {
      const fd = openSync(path, "a", 0o600);
      if (tryLock(fd)) return fd;
      const holder = holderOf(fd);
      closeSync(fd);
      // Without a holder it has been let go meanwhile, or is held where no process can be seen.
      if (holder !== undefined && !isEnding(holder)) throw inUse();
      if (performance.now() < deadline) Bun.sleepSync(pause);
      else if (holder !== undefined && zombieStatus(holder) !== undefined) rmSync(path);
      else throw inUse();
    }
  } finally {
    closeSync(turn);
  }
}

/** The process that holds the lock of an open file (proc_locks(5)); undefined when none that can be seen does. */
function holderOf(fd: number): number | undefined {
  const { dev, ino } = fstatSync(fd);
  const hex = (number: number) => number.toString(16).padStart(2, "0");
  // st_dev as makedev(3) makes it; inodes of other file systems have the same numbers.
  const file = `${hex((dev >> 8) & 0xfff)}:${hex((dev & 0xff) | ((dev >> 12) & 0xfff00))}:${ino}`;
  const line = readFileSync("/proc/locks", "latin1")
    .split("\n")
    .find((one) => one.includes(" FLOCK ") && one.includes(` ${file} `));
  return line === undefined ? undefined : Number(line.trim().split(/\s+/)[4]);
}
