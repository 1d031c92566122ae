import { closeSync, openSync, readSync } from "node:fs";
import {
  closeFd,
  type FileStatus,
  fileTypes,
  openAt,
  openFlags,
  openPath,
  readLinkAt,
  statusAt,
} from "../linux/file-at.ts";
import { getXattr, listXattrs, pathAt } from "../linux/xattr.ts";
import { type ByteString, fromText, toText } from "./byte-string.ts";
import { namesIn } from "./extract-root.ts";
import { isOverlayXattr, opaqueXattr } from "./whiteout.ts";

const directoryFlags = openFlags.readOnly | openFlags.directory | openFlags.noFollow;
const pieceSize = 256 * 1024;
const compared = ["mode", "uid", "gid", "links", "mtime", "rdevMajor", "rdevMinor"] as const;

/**
 * Says where two trees differ first (`etc/passwd: other content`), or undefined when they hold the same: names, kinds,
 * owners, modes, times of files, attributes, contents. Synchronous: for a Worker. Nobody may change them meanwhile.
 */
export function compareTrees(one: string, other: string): string | undefined {
  const [a, b] = [openPath(fromText(one), directoryFlags), openPath(fromText(other), directoryFlags)];
  try {
    return new Comparison().node({ a, b, name: "." }, "");
  } finally {
    closeFd(a);
    closeFd(b);
  }
}

/** A name in two open directories. */
interface Pair {
  a: number;
  b: number;
  name: ByteString;
}

class Comparison {
  readonly #buffers = [new Uint8Array(pieceSize), new Uint8Array(pieceSize)] as const;

  node(pair: Pair, path: ByteString): string | undefined {
    const { a, b, name } = pair;
    const [left, right] = [statusAt(a, name), statusAt(b, name)];
    const shown = toText(path) || "the root";
    if (!left) return `${shown}: missing`;
    if (!right) return `${shown}: should not be there`;
    const kind = left.mode & fileTypes.mask;
    const field = compared.find((key) => !isSame(key, left, right) && !isChance(key, left));
    if (field !== undefined) return `${shown}: other ${field}`;
    if (kind !== fileTypes.symlink && !this.#sameXattrs(pair)) return `${shown}: other extended attributes`;
    if (kind === fileTypes.directory) return this.#directory(pair, path);
    return this.#sameContent(pair, left, right) ? undefined : `${shown}: other content`;
  }

  #directory({ a, b, name }: Pair, path: ByteString): string | undefined {
    const [left, right] = [openAt(a, name, directoryFlags), openAt(b, name, directoryFlags)];
    try {
      const names = new Set([...namesIn(left), ...namesIn(right)]);
      for (const child of [...names].sort()) {
        const pair = { a: left, b: right, name: child };
        const difference = this.node(pair, path === "" ? child : `${path}/${child}`);
        if (difference !== undefined) return difference;
      }
      return undefined;
    } finally {
      closeFd(left);
      closeFd(right);
    }
  }

  #sameXattrs({ a, b, name }: Pair): boolean {
    const [left, right] = [pathAt(a, name), pathAt(b, name)];
    const keys = xattrsOf(left);
    if (keys.join("\0") !== xattrsOf(right).join("\0")) return false;
    return keys.every((key) =>
      Buffer.from(getXattr(left, key) ?? []).equals(Buffer.from(getXattr(right, key) ?? [])),
    );
  }

  #sameContent({ a, b, name }: Pair, left: FileStatus, right: FileStatus): boolean {
    const kind = left.mode & fileTypes.mask;
    if (kind === fileTypes.symlink) return readLinkAt(a, name) === readLinkAt(b, name);
    if (kind !== fileTypes.file) return true;
    if (left.size !== right.size) return false;
    const flags = openFlags.readOnly | openFlags.noFollow;
    const fds = [openAt(a, name, flags), openAt(b, name, flags)] as const;
    try {
      return this.#sameBytes(fds, left.size);
    } finally {
      for (const fd of fds) closeFd(fd);
    }
  }

  #sameBytes([left, right]: readonly [number, number], size: number): boolean {
    const [first, second] = this.#buffers;
    for (let at = 0; at < size; ) {
      const length = readSync(left, first, 0, pieceSize, at);
      if (length === 0 || readSync(right, second, 0, pieceSize, at) !== length) return false;
      if (Buffer.compare(first.subarray(0, length), second.subarray(0, length)) !== 0) return false;
      at += length;
    }
    return true;
  }
}

/** The time of a file that was made here is finer than what its archive says of it. */
function isSame(key: (typeof compared)[number], left: FileStatus, right: FileStatus): boolean {
  if (key !== "mtime") return left[key] === right[key];
  return left.mtime === right.mtime || left.mtime - (left.mtime % 1_000_000_000n) === right.mtime;
}

/** Of overlay's attributes only one belongs to a layer: the others are notes of a mount that the layer was made in. */
const xattrsOf = (path: string) =>
  listXattrs(path).filter((key) => key === opaqueXattr || !isOverlayXattr(key));

/**
 * How many names a directory has depends on the file system, and its time, where the archive had no entry for it, on when
 * it was made.
 */
const isChance = (key: string, { mode, rdevMajor, rdevMinor }: FileStatus) => {
  const kind = mode & fileTypes.mask;
  if (kind === fileTypes.directory) return key === "links" || key === "mtime";
  // A whiteout has the time of its making.
  return key === "mtime" && kind === fileTypes.character && rdevMajor === 0 && rdevMinor === 0;
};

/** The hash of a file, in hex. Synchronous: for a Worker. */
export function hashFile(path: string, algorithm: string): string {
  const hash = new Bun.CryptoHasher(algorithm as "sha256");
  const buffer = new Uint8Array(pieceSize);
  const fd = openSync(path, "r");
  try {
    for (let length = readSync(fd, buffer); length > 0; length = readSync(fd, buffer)) {
      hash.update(buffer.subarray(0, length));
    }
  } finally {
    closeSync(fd);
  }
  return hash.digest("hex");
}
