import { closeSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { internal } from "../base/errors.ts";
import { check, libc } from "./libc.ts";

/** A line of uid_map or gid_map (user_namespaces(7)): `count` ids from `inside` on are those from `outside` on. */
export interface IdExtent {
  inside: number;
  outside: number;
  count: number;
}

export interface IdMaps {
  uids: readonly IdExtent[];
  gids: readonly IdExtent[];
}

/** Of <linux/nsfs.h>: `_IO(0xb7, 1)`. */
const NS_GET_USERNS = 0xb701n;
const O_CLOEXEC = 0o2000000;

const c = libc({
  ioctl: { args: ["i32", "u64", "i64"], returns: "i32" },
  pipe2: { args: ["ptr", "i32"], returns: "i32" },
});

const lines = (extents: readonly IdExtent[]) =>
  extents.map(({ inside, outside, count }) => `${inside} ${outside} ${count}\n`).join("");

/** The other side of a map: what is `id` inside when it is `outside`; undefined when it is nobody. */
export function idInside(extents: readonly IdExtent[], id: number): number | undefined {
  const found = extents.find(({ outside, count }) => id >= outside && id < outside + count);
  return found && found.inside + (id - found.outside);
}

/** The map that leads through `first` and then through `second`; ids that only one of them knows are nobody. */
export function composeExtents(first: readonly IdExtent[], second: readonly IdExtent[]): IdExtent[] {
  return first.flatMap((a) =>
    second.flatMap((b) => {
      const start = Math.max(a.outside, b.inside);
      const end = Math.min(a.outside + a.count, b.inside + b.count);
      if (end <= start) return [];
      const inside = a.inside + (start - a.outside);
      return [{ inside, outside: b.outside + (start - b.inside), count: end - start }];
    }),
  );
}

/** What `id` of the inside is outside; undefined when it is nobody. */
export function idOutside(extents: readonly IdExtent[], id: number): number | undefined {
  const found = extents.find(({ inside, count }) => id >= inside && id < inside + count);
  return found && found.outside + (id - found.inside);
}

/** The lines of a uid_map or gid_map. */
function parseExtents(text: string): IdExtent[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
      return { inside, outside, count };
    });
}

/**
 * The ids of containers where they are not the host's: `inside`, and on the disk, one of `inside`; for the host one of
 * `outside`.
 */
export interface RemappedIds extends IdMaps {
  /** An open user namespace with these maps, in which the daemon is somebody too (`withMaker`). */
  namespace: { readonly fd: number };
}

/**
 * On the disk, for a moment, who makes files as the host's root where the containers' ids are others: the daemon, before it
 * gives them their owner.
 */
const makerOnDisk = 2 ** 32 - 3;

/** Maps for mounts in which the daemon makes files for containers with other ids. */
export function withMaker({ uids, gids }: IdMaps): IdMaps {
  const maker = { inside: makerOnDisk, outside: 0, count: 1 };
  return { uids: [...uids, maker], gids: [...gids, maker] };
}

/** The ids of a process's user namespace; undefined where they are the host's. */
export function idsOfProcess(pid: number): IdMaps | undefined {
  const [uids, gids] = ["uid_map", "gid_map"].map((name) =>
    parseExtents(readFileSync(`/proc/${pid}/${name}`, "utf8")),
  ) as [IdExtent[], IdExtent[]];
  const isHosts = [uids, gids].every(([first]) => first?.outside === 0 && first.inside === 0);
  return isHosts ? undefined : { uids, gids };
}

/** A user namespace that is to own others: a new one with these maps, or the one at a path (`/proc/<pid>/ns/user`). */
export type NamespaceOwner = IdMaps | string;

/**
 * Runs `use`, synchronously, with the pid of a process that stands in that user namespace, and in a new network namespace
 * that belongs to it when `network`. The process ends afterwards; about 4 ms, since one has to be started (`unshare(2)` and
 * `setns(2)` take a process with one thread only).
 */
export function inUserNamespace<T>(owner: NamespaceOwner, network: boolean, use: (pid: number) => T): T {
  const pipe = new Int32Array(2);
  check(c.pipe2(pipe, O_CLOEXEC), "pipe2");
  const [ready = -1, told = -1] = pipe;
  const child = (() => {
    try {
      const wait = ["/bin/sh", "-c", "echo; read _"];
      const command = [...enter(owner, network), ...wait];
      return Bun.spawn(command, { stdio: ["pipe", told, "ignore"], env: {} });
    } finally {
      closeSync(told);
    }
  })();
  try {
    // Its line says that it is in the namespaces; the end of the pipe, that it could not be.
    if (readSync(ready, Buffer.alloc(1)) === 0) throw internal("a user namespace cannot be made");
    if (typeof owner !== "string") {
      writeFileSync(`/proc/${child.pid}/uid_map`, lines(owner.uids));
      writeFileSync(`/proc/${child.pid}/gid_map`, lines(owner.gids));
    }
    return use(child.pid);
  } finally {
    closeSync(ready);
    child.kill("SIGKILL");
  }
}

function enter(owner: NamespaceOwner, network: boolean): string[] {
  const unshare = "/usr/bin/unshare";
  if (typeof owner !== "string") return network ? [unshare, "--user", "--net"] : [unshare, "--user"];
  return ["/usr/bin/nsenter", `--user=${owner}`, ...(network ? [unshare, "--net"] : [])];
}

export type OpenNamespace = Disposable & { readonly fd: number };

const owned = (fd: number): OpenNamespace => ({ fd, [Symbol.dispose]: () => closeSync(fd) });

/** A user namespace with these maps, as a descriptor, which its owner closes; no process stays in it. */
export function openUserNamespace(maps: IdMaps): OpenNamespace {
  return inUserNamespace(maps, false, (pid) => owned(openSync(`/proc/${pid}/ns/user`, "r")));
}

/** The user namespace that another namespace (a pin, or `/proc/<pid>/ns/…`) belongs to (ioctl_ns(2)). */
export function ownerOfNamespace(path: string): OpenNamespace {
  const namespace = openSync(path, "r");
  try {
    return owned(check(c.ioctl(namespace, NS_GET_USERNS, 0), "ioctl NS_GET_USERNS", path));
  } finally {
    closeSync(namespace);
  }
}
