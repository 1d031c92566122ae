import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readSync, statfsSync, writeSync } from "node:fs";
import { errnoOf, internal } from "../base/errors.ts";
import {
  closeFd,
  type FileStatus,
  fileTypes,
  openAt,
  openFlags,
  openPath,
  readLinkAt,
  statusAt,
  statusOf,
} from "../linux/file-at.ts";
import { type IdMaps, idInside } from "../linux/user-namespace.ts";
import { getXattr, listXattrs, pathAt } from "../linux/xattr.ts";
import type { Digest } from "../oci/digest.ts";
import { type ByteString, fromText } from "./byte-string.ts";
import { isWhiteout, namesIn } from "./extract-root.ts";
import { isPlaceholder } from "./placeholders.ts";
import { encodeHeader, endOfArchive, padding } from "./tar-encoder.ts";
import { type EntryType, type TarEntry, tarEntry } from "./tar-entry.ts";
import { opaqueMarker, opaqueXattr, whiteoutPrefix } from "./whiteout.ts";

/**
 * `upper`: an overlay's upper directory becomes a layer: whiteouts in the layer's form, and without what is there for
 * mounts only. `tree`: files as they are.
 */
export type PackKind = "upper" | "tree";

/** What a tar is made of: all that is below a directory, or what stands in an open one (see `packResource`). */
export type PackSource = ({ tree: string } | { dir: number; base: ByteString; name: ByteString }) & {
  /** Whose ids the archive is to have, where they are not the host's. */
  ids?: IdMaps | undefined;
};

interface PackOptions {
  kind: PackKind;
  ids?: IdMaps | undefined;
  /** Seconds since 1970: what is newer gets this time. */
  newest?: number | undefined;
  /** Bytes of the regular files that have been packed. */
  counted: { bytes: number };
}

const plain = (): PackOptions => ({ kind: "tree", counted: { bytes: 0 } });

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

/**
 * The tar of all that is below `directory`, in the order of the names' bytes, so that the same files always give the
 * same bytes; times in whole seconds, as Docker's layers have them; sockets are left out. The tree may change
 * meanwhile: no symbolic link is followed, and a file that shrinks is filled up with zeros. Each piece is valid until
 * the next. Synchronous: for a Worker, or a few pieces at a time.
 */
export function* packTree(directory: string, options: Partial<PackOptions> = {}): Generator<Uint8Array> {
  const root = openPath(fromText(directory), openFlags.readOnly | openFlags.directory);
  try {
    yield* new Packer({ ...plain(), ...options }).directory(root, "");
    yield endOfArchive();
  } finally {
    closeFd(root);
  }
}

/**
 * The tar of one file, or of a directory with all below it: `base` in the open directory `dir`, called `name` in the
 * archive (a root has the empty name). A socket gives an empty archive. Otherwise as `packTree`.
 */
export function* packResource(
  dir: number,
  base: ByteString,
  name: ByteString,
  ids?: IdMaps,
): Generator<Uint8Array> {
  const status = statusAt(dir, base);
  const type = status && entryTypeOf[status.mode & fileTypes.mask];
  if (status && type !== undefined)
    yield* new Packer({ ...plain(), ids }).named(dir, base, name, status, type);
  yield endOfArchive();
}

/**
 * Writes `packTree` to a new file, durably. The digest is also the layer's diffId; `bytes` are those of the regular
 * files.
 */
export function packToFile(
  directory: string,
  kind: PackKind,
  output: string,
  newest?: number,
): { digest: Digest; size: number; bytes: number } {
  const hash = createHash("sha256");
  const fd = openSync(output, "wx", 0o600);
  const counted = { bytes: 0 };
  let size = 0;
  try {
    for (const piece of packTree(directory, { kind, counted, newest })) {
      hash.update(piece);
      size += piece.length;
      for (let at = 0; at < piece.length; ) at += writeSync(fd, piece, at);
    }
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return { digest: `sha256:${hash.digest("hex")}`, size, ...counted };
}

class Packer {
  readonly #kind: PackKind;
  /** The first name of each file that has several. */
  readonly #links = new Map<string, ByteString>();
  readonly #buffer = new Uint8Array(chunkSize);
  readonly #counted: PackOptions["counted"];
  readonly #ids: IdMaps | undefined;
  readonly #newest: bigint | undefined;

  constructor({ kind, ids, newest, counted }: PackOptions) {
    this.#kind = kind;
    this.#ids = ids;
    this.#newest = newest === undefined ? undefined : BigInt(newest);
    this.#counted = counted;
  }

  /** `prefix`: the path of the directory, with a slash at its end; empty for the root. */
  *directory(fd: number, prefix: ByteString): Generator<Uint8Array> {
    for (const base of namesIn(fd).sort()) {
      const status = statusAt(fd, base);
      // It has gone since the names were read.
      if (status) yield* this.#member(fd, base, prefix, status);
    }
  }

  *#member(dir: number, base: ByteString, prefix: ByteString, status: FileStatus): Generator<Uint8Array> {
    const type = entryTypeOf[status.mode & fileTypes.mask];
    if (type === undefined) return;
    if (this.#kind === "upper" && isWhiteout(status)) {
      yield encodeHeader(tarEntry({ name: `${prefix}${whiteoutPrefix}${base}`, type: "file", mode: 0 }));
      return;
    }
    if (this.#kind === "upper" && isPlaceholder(prefix + base, status)) return;
    yield* this.named(dir, base, prefix + base, status, type);
  }

  /** The file, or the directory with all below it, `base` in `dir`, as `path` in the archive. */
  *named(
    dir: number,
    base: ByteString,
    path: ByteString,
    status: FileStatus,
    type: EntryType,
  ): Generator<Uint8Array> {
    const entry = this.#entry(dir, base, path, status, type);
    if (entry.type === "file") yield* this.#file(dir, base, entry);
    else yield encodeHeader(entry);
    if (entry.type === "directory") yield* this.#descend(dir, base, entry.name, status);
  }

  #entry(dir: number, base: ByteString, path: ByteString, status: FileStatus, type: EntryType): TarEntry {
    const name = type === "directory" ? `${path}/` : path;
    const first = type === "file" && status.links > 1 ? this.#firstName(status, name) : undefined;
    return tarEntry({
      name,
      type: first === undefined ? type : "hardlink",
      size: type === "file" && first === undefined ? status.size : 0,
      mode: status.mode & 0o7777,
      uid: this.#ids ? (idInside(this.#ids.uids, status.uid) ?? nobody) : status.uid,
      gid: this.#ids ? (idInside(this.#ids.gids, status.gid) ?? nobody) : status.gid,
      mtime: this.#timeOf(status),
      linkname: first ?? (type === "symlink" ? readLinkAt(dir, base) : ""),
      devMajor: type === "char" || type === "block" ? status.rdevMajor : 0,
      devMinor: type === "char" || type === "block" ? status.rdevMinor : 0,
      xattrs: first === undefined && type !== "symlink" ? xattrsOf(pathAt(dir, base)) : new Map(),
    });
  }

  #timeOf({ mtime }: FileStatus): bigint {
    const seconds = mtime / 1_000_000_000n;
    const newest = this.#newest;
    return (newest !== undefined && seconds > newest ? newest : seconds) * 1_000_000_000n;
  }

  #firstName({ device, inode }: FileStatus, name: ByteString): ByteString | undefined {
    const key = `${device} ${inode}`;
    const first = this.#links.get(key);
    if (first === undefined) this.#links.set(key, name);
    return first;
  }

  *#file(dir: number, base: ByteString, entry: TarEntry): Generator<Uint8Array> {
    const flags = openFlags.readOnly | openFlags.noFollow | openFlags.nonBlock;
    const fd = openThere(dir, base, flags);
    if (fd === undefined) return;
    try {
      const { mode, size } = statusOf(fd);
      // Somebody has put something else in its place, which is then not a file of this moment.
      if ((mode & fileTypes.mask) !== fileTypes.file) return;
      yield encodeHeader({ ...entry, size });
      this.#counted.bytes += size;
      for (let at = 0; at < size; ) {
        const wanted = this.#buffer.subarray(0, Math.min(chunkSize, size - at));
        const length = readSync(fd, wanted, 0, wanted.length, at);
        if (length === 0) wanted.fill(0);
        at += length || wanted.length;
        yield length === 0 ? wanted : wanted.subarray(0, length);
      }
      yield padding(size);
    } finally {
      closeFd(fd);
    }
  }

  *#descend(dir: number, base: ByteString, name: ByteString, status: FileStatus): Generator<Uint8Array> {
    const fd = openAt(dir, base, openFlags.readOnly | openFlags.directory | openFlags.noFollow);
    try {
      if (base !== "." && statusOf(dir).device !== status.device && isOfKernel(fd)) return;
      if (this.#kind === "upper") {
        const path = pathAt(dir, base);
        if (getXattr(path, "trusted.overlay.redirect")) {
          throw internal(`cannot make a layer: ${name} was renamed by overlay's redirect_dir`);
        }
        if (Buffer.from(getXattr(path, opaqueXattr) ?? []).toString() === "y") {
          yield encodeHeader(tarEntry({ name: name + opaqueMarker, type: "file", mode: 0 }));
        }
      }
      yield* this.directory(fd, name);
    } finally {
      closeFd(fd);
    }
  }
}

/** Undefined for what has gone since it was seen, or is another kind of file now. */
function openThere(dir: number, base: ByteString, flags: number): number | undefined {
  try {
    return openAt(dir, base, flags);
  } catch (error) {
    if (["ENOENT", "ELOOP", "ENXIO"].includes(errnoOf(error) ?? "")) return undefined;
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

/** Capabilities, and what users set. Labels of SELinux and access lists belong to this host. */
function xattrsOf(path: string): Map<ByteString, Uint8Array> {
  const xattrs = new Map<ByteString, Uint8Array>();
  for (const key of listXattrs(path)) {
    if (key !== "security.capability" && (!key.startsWith("user.") || key.startsWith("user.overlay.")))
      continue;
    const value = getXattr(path, key);
    if (value) xattrs.set(key, value);
  }
  return xattrs;
}
