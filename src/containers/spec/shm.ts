import { mkdirSync } from "node:fs";
import { mount, mountFlags } from "../../linux/mount.ts";

/** The host's ids. */
export interface Owner {
  uid: number;
  gid: number;
}

/**
 * Mounts a /dev/shm of `size` bytes at `path` of the host, which is made: other containers can join it only if it is not
 * in a mount namespace of its own (`--ipc shareable`). The caller has claimed the mount and unmounts it.
 */
export function mountShm(path: string, size: number, owner: Owner = { uid: 0, gid: 0 }): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const flags = mountFlags.noSuid | mountFlags.noDev | mountFlags.noExec;
  mount("shm", path, "tmpfs", flags, `mode=1777,size=${size},uid=${owner.uid},gid=${owner.gid}`);
}
