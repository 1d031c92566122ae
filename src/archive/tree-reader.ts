import { readSync, statfsSync } from "node:fs";
import { errnoOf, internal } from "../base/errors.ts";
import {
  closeFd,
  type FileStatus,
  fileTypes,
  openAt,
  openFlags,
  readLinkAt,
  statusAt,
  statusOf,
} from "../linux/file-at.ts";
import { type IdMaps, idInside } from "../linux/user-namespace.ts";
import { getXattr, getXattrFd, listXattrs, listXattrsFd, pathAt } from "../linux/xattr.ts";
import type { ByteString } from "./byte-string.ts";
import { isWhiteout, namesIn } from "./extract-root.ts";
import { isPlaceholder } from "./placeholders.ts";
import type { TarEvent } from "./tar-decoder.ts";
import { type EntryType, type TarEntry, tarEntry } from "./tar-entry.ts";
import { opaqueMarker, opaqueXattr, whiteoutPrefix } from "./whiteout.ts";

/**
 * `upper`: an overlay's upper directory becomes a layer: whiteouts in the layer's form, and without what is there for
 * mounts only. `tree`: files as they are.
 */
export type TreeKind = "upper" | "tree";

export interface TreeOptions {
  kind?: TreeKind;
  /** Whose ids the archive has, where they are not the host's. */
  ids?: IdMaps | undefined;
  /** Seconds since 1970: what is newer gets this time. */
  newest?: number | undefined;
  /** True for a file, by its name in the archive, of which only what `lstat` tells is wanted: it is not opened. */
  isKnown?: (name: ByteString) => boolean;
}

/** Who owns what belongs to nobody inside. */
const nobody = 65534;

const chunkSize = 256 * 1024;

const entryTypeOf: Readonly<Record<number, EntryType>> = {
  [fileTypes.file]: "file",
  [fileTypes.directory]: "directory",
  [fileTypes.symlink]: "symlink",
  [fileTypes.character]: "char",
  [fileTypes.block]: "block",
  [fileTypes.fifo]: "fifo",
};

/** A directory that is being read: the names that are left, the next one last. */
interface Level {
  fd: number;
  /** What stands before the names in the archive. */
  prefix: ByteString;
  names: ByteString[];
}

/**
 * What an archive of files on the disk consists of, without the archive: as `TarDecoder` tells it. Names come in the
 * order of their bytes, so that the same files always give the same; times in whole seconds, as Docker's layers have
 * them; sockets are left out. The tree may change meanwhile: no symbolic link is followed, and a file that shrinks is
 * filled up with zeros. Content is valid until the next event. Synchronous.
 */
export class TreeReader {
  readonly #options: TreeOptions;
  /** The first name of each file that has several, and how many of them may still come. */
  readonly #links = new Map<string, { name: ByteString; left: number }>();
  readonly #buffer = new Uint8Array(chunkSize);
  readonly #newest: bigint | undefined;

  constructor(options: TreeOptions = {}) {
    this.#options = options;
    this.#newest = options.newest === undefined ? undefined : BigInt(options.newest);
  }

  /** All that is in an open directory, which is closed at the end. */
  *below(fd: number): Generator<TarEvent> {
    yield* this.#walk({ fd, prefix: "", names: namesOf(fd) });
  }

  /** The file, or the directory with all below it, `base` in the open directory `dir`, as `name` in the archive. */
  *named(dir: number, base: ByteString, name: ByteString): Generator<TarEvent> {
    const status = statusAt(dir, base);
    if (status === undefined) return;
    const level = yield* this.#file(dir, base, name, status);
    if (level !== undefined) yield* this.#walk(level);
  }

  *#walk(top: Level): Generator<TarEvent> {
    const levels = [top];
    try {
      for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
        const base = level.names.pop();
        if (base === undefined) {
          levels.pop();
          closeFd(level.fd);
          continue;
        }
        const status = statusAt(level.fd, base);
        // Undefined: it has gone since the names were read.
        const below = status && (yield* this.#member(level, base, status));
        if (below !== undefined) levels.push(below);
      }
    } finally {
      for (const { fd } of levels) closeFd(fd);
    }
  }

  *#member(
    { fd, prefix }: Level,
    base: ByteString,
    status: FileStatus,
  ): Generator<TarEvent, Level | undefined> {
    const isUpper = this.#options.kind === "upper";
    if (isUpper && isWhiteout(status)) {
      yield* empty(`${prefix}${whiteoutPrefix}${base}`);
      return undefined;
    }
    if (isUpper && isPlaceholder(prefix + base, status)) return undefined;
    return yield* this.#file(fd, base, prefix + base, status);
  }

  /** Returns what is to be read next: the directory, where it is one. */
  *#file(
    dir: number,
    base: ByteString,
    path: ByteString,
    status: FileStatus,
  ): Generator<TarEvent, Level | undefined> {
    const type = entryTypeOf[status.mode & fileTypes.mask];
    if (type === undefined) return undefined;
    if (type === "directory") return yield* this.#directory(dir, base, path, status);
    const entry = this.#entry(path, status, type);
    const first = type === "file" && status.links > 1 ? this.#firstName(status, path) : undefined;
    if (first !== undefined)
      yield { kind: "entry", entry: { ...entry, type: "hardlink", size: 0, linkname: first } };
    else if (type === "file" && !this.#options.isKnown?.(path)) return yield* this.#content(dir, base, entry);
    else if (type === "symlink")
      yield { kind: "entry", entry: { ...entry, linkname: readLinkAt(dir, base) } };
    else if (type === "file") yield { kind: "entry", entry };
    else yield { kind: "entry", entry: { ...entry, xattrs: xattrsOf(pathAt(dir, base)) } };
    yield { kind: "end" };
    return undefined;
  }

  #entry(name: ByteString, status: FileStatus, type: EntryType): TarEntry {
    const { ids } = this.#options;
    const isDevice = type === "char" || type === "block";
    return tarEntry({
      name,
      type,
      size: type === "file" ? status.size : 0,
      mode: status.mode & 0o7777,
      uid: ids ? (idInside(ids.uids, status.uid) ?? nobody) : status.uid,
      gid: ids ? (idInside(ids.gids, status.gid) ?? nobody) : status.gid,
      mtime: this.#timeOf(status),
      ...(isDevice && { devMajor: status.rdevMajor, devMinor: status.rdevMinor }),
    });
  }

  #timeOf({ mtime }: FileStatus): bigint {
    const seconds = mtime / 1_000_000_000n;
    const newest = this.#newest;
    return (newest !== undefined && seconds > newest ? newest : seconds) * 1_000_000_000n;
  }

  #firstName({ device, inode, links }: FileStatus, name: ByteString): ByteString | undefined {
    const key = `${device} ${inode}`;
    const first = this.#links.get(key);
    if (first === undefined) this.#links.set(key, { name, left: links - 1 });
    else if (--first.left <= 0) this.#links.delete(key);
    return first?.name;
  }

  *#content(dir: number, base: ByteString, entry: TarEntry): Generator<TarEvent, undefined> {
    const fd = openThere(dir, base, openFlags.readOnly | openFlags.noFollow | openFlags.nonBlock);
    if (fd === undefined) return;
    try {
      const { mode, size } = statusOf(fd);
      // Somebody has put something else in its place, which is then not a file of this moment.
      if ((mode & fileTypes.mask) !== fileTypes.file) return;
      yield { kind: "entry", entry: { ...entry, size, xattrs: xattrsOf(fd) } };
      for (let at = 0; at < size; ) {
        const wanted = this.#buffer.subarray(0, Math.min(chunkSize, size - at));
        const length = readSync(fd, wanted, 0, wanted.length, at);
        if (length === 0) wanted.fill(0);
        at += length || wanted.length;
        yield { kind: "data", bytes: length === 0 ? wanted : wanted.subarray(0, length) };
      }
      yield { kind: "end" };
    } finally {
      closeFd(fd);
    }
  }

  *#directory(
    dir: number,
    base: ByteString,
    path: ByteString,
    status: FileStatus,
  ): Generator<TarEvent, Level | undefined> {
    const fd = openThere(dir, base, openFlags.readOnly | openFlags.directory | openFlags.noFollow);
    if (fd === undefined) return undefined;
    const prefix = `${path}/`;
    let level: Level | undefined;
    try {
      yield { kind: "entry", entry: { ...this.#entry(prefix, status, "directory"), xattrs: xattrsOf(fd) } };
      yield { kind: "end" };
      if (base !== "." && statusOf(dir).device !== status.device && isOfKernel(fd)) return undefined;
      if (this.#options.kind === "upper") {
        if (getXattrFd(fd, "trusted.overlay.redirect")) {
          throw internal(`cannot make a layer: ${prefix} was renamed by overlay's redirect_dir`);
        }
        const isOpaque = Buffer.from(getXattrFd(fd, opaqueXattr) ?? []).toString() === "y";
        if (isOpaque) yield* empty(prefix + opaqueMarker);
      }
      level = { fd, prefix, names: namesOf(fd) };
      return level;
    } finally {
      if (level === undefined) closeFd(fd);
    }
  }
}

/** The markers of a layer are files without anything in them. */
function* empty(name: ByteString): Generator<TarEvent, undefined> {
  yield { kind: "entry", entry: tarEntry({ name, type: "file", mode: 0 }) };
  yield { kind: "end" };
}

/** Those of a directory, the first one last. */
const namesOf = (fd: number) => namesIn(fd).sort().reverse();

/** Undefined for what has gone since it was seen, or is another kind of file now. */
function openThere(dir: number, base: ByteString, flags: number): number | undefined {
  try {
    return openAt(dir, base, flags);
  } catch (error) {
    if (["ENOENT", "ELOOP", "ENXIO", "ENOTDIR"].includes(errnoOf(error) ?? "")) return undefined;
    throw error;
  }
}

/** Magic numbers (statfs(2)) of file systems whose files are the kernel's own, and not for an archive. */
const kernelFileSystems = new Set([
  0x9fa0, // proc
  0x62656572, // sysfs
  0x27e0eb, // cgroup
  0x63677270, // cgroup2
  0x1cd1, // devpts
  0x19800202, // mqueue
  0x64626720, // debugfs
  0x73636673, // securityfs
]);

function isOfKernel(fd: number): boolean {
  return kernelFileSystems.has(statfsSync(`/proc/self/fd/${fd}`).type);
}

const noXattrs: ReadonlyMap<ByteString, Uint8Array> = new Map();

/** Capabilities, and what users set, of an open file or a path. Labels of SELinux and access lists belong to this host. */
function xattrsOf(file: number | string): ReadonlyMap<ByteString, Uint8Array> {
  const all = typeof file === "number" ? listXattrsFd(file) : listXattrs(file);
  if (all.length === 0) return noXattrs;
  const xattrs = new Map<ByteString, Uint8Array>();
  for (const key of all) {
    if (key !== "security.capability" && (!key.startsWith("user.") || key.startsWith("user.overlay.")))
      continue;
    const value = typeof file === "number" ? getXattrFd(file, key) : getXattr(file, key);
    if (value) xattrs.set(key, value);
  }
  return xattrs;
}
