import { closeSync, constants, openSync } from "node:fs";
import { check, cstring, libc, SyscallError } from "./libc.ts";

/** Flags of mount(2), as in <sys/mount.h>. */
export const mountFlags = {
  readOnly: 0x1,
  noSuid: 0x2,
  noDev: 0x4,
  noExec: 0x8,
  remount: 0x20,
  bind: 0x1000,
  move: 0x2000,
  recursive: 0x4000,
  unbindable: 0x20000,
  private: 0x40000,
  slave: 0x80000,
  shared: 0x100000,
} as const;

export type Propagation = "private" | "slave" | "shared" | "unbindable";

const c = libc({
  mount: { args: ["ptr", "ptr", "ptr", "u64", "ptr"], returns: "i32" },
  umount2: { args: ["ptr", "i32"], returns: "i32" },
});

/** mount(2). `data` is the file system's option string (at most a page). Throws `SyscallError`. */
export function mount(
  source: string,
  target: string,
  type: string | null,
  flags: number,
  data?: string,
): void {
  const result = c.mount(
    cstring(source),
    cstring(target),
    type === null ? null : cstring(type),
    flags,
    data === undefined ? null : cstring(data),
  );
  check(result, "mount", target);
}

const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

/**
 * umount2(2); never follows a symbolic link at `target`. `detach` takes the mount out of the tree at once and lets it
 * die when nobody uses it any more. Returns false when nothing was mounted there (or it does not exist).
 */
export function unmount(target: string, options: { detach?: boolean } = {}): boolean {
  const flags = UMOUNT_NOFOLLOW | (options.detach ? MNT_DETACH : 0);
  try {
    check(c.umount2(cstring(target), flags), "umount", target);
    return true;
  } catch (error) {
    if (error instanceof SyscallError && (error.code === "EINVAL" || error.code === "ENOENT")) return false;
    throw error;
  }
}

/** How mounts and unmounts below `target` are shared with the mount's copies (mount_namespaces(7)). */
export function setPropagation(target: string, propagation: Propagation, recursive = false): void {
  const flags = mountFlags[propagation] | (recursive ? mountFlags.recursive : 0);
  mount("none", target, null, flags);
}

/** Makes `source` (a file or a directory) visible at `target`, which has to exist and be of the same kind. */
export function bindMount(
  source: string,
  target: string,
  options: { readOnly?: boolean; recursive?: boolean; propagation?: Propagation } = {},
): void {
  mount(source, target, null, mountFlags.bind | (options.recursive ? mountFlags.recursive : 0));
  try {
    if (options.propagation) setPropagation(target, options.propagation, options.recursive ?? false);
    // A bind ignores the other flags; they take a remount of its own.
    if (options.readOnly)
      mount("none", target, null, mountFlags.bind | mountFlags.remount | mountFlags.readOnly);
  } catch (error) {
    unmount(target, { detach: true });
    throw error;
  }
}

/** Runs `use` with short names (`/proc/self/fd/N`) for directories whose own names may hold `:` and `,` or be long. */
export function withShortNames<T>(directories: readonly string[], use: (names: string[]) => T): T {
  const fds: number[] = [];
  try {
    for (const directory of directories)
      fds.push(openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY));
    return use(fds.map((fd) => `/proc/self/fd/${fd}`));
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}
