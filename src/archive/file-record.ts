/** What is kept of a file: as whoever has it tells. */
export interface ListedFile {
  /** From the root, without a slash at either end. */
  path: string;
  kind: FileKind;
  /** Kind and permissions, as the list's owner has them: below 2^32. */
  mode: number;
  size: number;
  /** Nanoseconds since 1970. */
  modTime: bigint;
  /** The target of a symbolic link, or the first name of a file that has several. */
  linkname: string;
  /** Another one means another content. */
  stamp: string;
}

export const fileKinds = { other: 0, folder: 1, symlink: 2 } as const;
export type FileKind = (typeof fileKinds)[keyof typeof fileKinds];

/**
 * What is known of a file's content. `awaited`: it is still to come; `linked`: it is to become a further name of a file,
 * which may still be to come.
 */
export const contentStates = { unknown: 0, known: 1, awaited: 2, linked: 3 } as const;

/**
 * A record, in the byte order of x86: its length (4 bytes), kind (1), mode (4), length of the path (4), path, size (8), time
 * (8), length of the link (4), link, stamp; then the tail: the state of the content (1), its digest (32).
 */
const pathAt = 13;
const digestSize = 32;
const tailSize = 1 + digestSize;
const fixedSize = pathAt + 20 + tailSize;

/** No path that the kernel takes is longer, and no target of a link. Bytes. */
const longest = 4096;
/** Three texts, of whose units each takes at most three bytes. */
const mostBytes = fixedSize + 3 * 3 * longest;

const scratch = Buffer.alloc(mostBytes);

/** The record of a file whose content is unknown; valid until the next. Undefined for one that has too long names. */
export function encodeRecord(file: ListedFile): Buffer | undefined {
  const { path, kind, mode, size, modTime, linkname, stamp } = file;
  if (Math.max(path.length, linkname.length, stamp.length) > longest) return undefined;
  const pathLength = scratch.write(path, pathAt, "utf8");
  scratch[4] = kind;
  scratch.writeUInt32LE(mode, 5);
  scratch.writeUInt32LE(pathLength, 9);
  let at = pathAt + pathLength;
  scratch.writeDoubleLE(size, at);
  scratch.writeBigInt64LE(modTime, at + 8);
  const linkLength = scratch.write(linkname, at + 20, "utf8");
  scratch.writeUInt32LE(linkLength, at + 16);
  at += 20 + linkLength;
  at += scratch.write(stamp, at, "utf8");
  scratch.fill(0, at, at + tailSize);
  scratch.writeUInt32LE(at + tailSize, 0);
  return scratch.subarray(0, at + tailSize);
}

/** Length of the record that begins at `at`; undefined where no record can begin like this. */
export function recordLength(bytes: Buffer, at: number): number | undefined {
  const length = bytes.readUInt32LE(at);
  return length < fixedSize || length > mostBytes ? undefined : length;
}

export const lengthSize = 4;

export const pathOf = (record: Buffer): string => record.toString("utf8", pathAt, pathEnd(record));
export const kindOf = (record: Buffer): FileKind => record[4] as FileKind;
const pathEnd = (record: Buffer) => pathAt + record.readUInt32LE(9);

export function decodeRecord(record: Buffer): ListedFile {
  const at = pathEnd(record);
  const linkEnd = at + 20 + record.readUInt32LE(at + 16);
  return {
    path: pathOf(record),
    kind: kindOf(record),
    mode: record.readUInt32LE(5),
    size: record.readDoubleLE(at),
    modTime: record.readBigInt64LE(at + 8),
    linkname: record.toString("utf8", at + 20, linkEnd),
    stamp: record.toString("utf8", linkEnd, record.length - tailSize),
  };
}

/** What tells a file from another: of a folder its name and mode alone, since its size and time say nothing of its files. */
export function essence(record: Buffer): Buffer {
  return record.subarray(0, kindOf(record) === fileKinds.folder ? pathEnd(record) : -tailSize);
}

/** True when all that was told of both is the same. */
export function isSameRecord(one: Buffer, other: Buffer): boolean {
  return (
    one.length === other.length &&
    one.compare(other, 0, other.length - tailSize, 0, one.length - tailSize) === 0
  );
}

/** Where the tail begins. */
export const tailAt = (record: Buffer): number => record.length - tailSize;
export const stateOf = (record: Buffer): number => record[tailAt(record)] ?? contentStates.unknown;

/** Says that the content of a file is still to come. `number`: by which its sender calls it. */
export function setAwaited(record: Buffer, number: number): void {
  const at = tailAt(record);
  record[at] = contentStates.awaited;
  record.writeUInt32LE(number, at + 1);
}

export function setLinked(record: Buffer): void {
  record[tailAt(record)] = contentStates.linked;
}

export const awaitedNumber = (record: Buffer): number => record.readUInt32LE(tailAt(record) + 1);

/** The tail of a file that is there; `digest`: SHA-256, undefined where nobody knows it. */
export function arrivedTail(digest: Uint8Array | undefined): Buffer {
  const tail = Buffer.alloc(tailSize);
  if (digest === undefined) return tail;
  tail[0] = contentStates.known;
  tail.set(digest, 1);
  return tail;
}

/** The SHA-256 of the file's content in hex, where it is known. */
export function digestOf(record: Buffer): string | undefined {
  return stateOf(record) === contentStates.known ? record.toString("hex", tailAt(record) + 1) : undefined;
}
