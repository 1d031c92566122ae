/**
 * What the layers of the built-in images need of tar: short names, no extended attributes, and the same bytes for
 * the same entries, always (POSIX.1-1988 ustar).
 */
export interface TarEntry {
  /** Without a slash in front; at most 100 bytes. */
  path: string;
  type: "file" | "directory" | "hardlink" | "symlink";
  /** Permission bits. */
  mode: number;
  uid?: number;
  gid?: number;
  content?: Uint8Array;
  /** What a link points to. */
  target?: string;
}

const blockSize = 512;
const typeFlags = { file: "0", hardlink: "1", symlink: "2", directory: "5" } as const;

/** The archive of `entries` in their order, all with the time `mtime` (seconds since 1970). */
export function writeTar(entries: readonly TarEntry[], mtime: number): Buffer {
  const blocks: Uint8Array[] = [];
  for (const entry of entries) {
    const content = entry.content ?? new Uint8Array();
    blocks.push(header(entry, content.byteLength, mtime), content);
    blocks.push(new Uint8Array(-content.byteLength & (blockSize - 1)));
  }
  blocks.push(new Uint8Array(2 * blockSize));
  return Buffer.concat(blocks);
}

function header(entry: TarEntry, size: number, mtime: number): Buffer {
  const block = Buffer.alloc(blockSize);
  const text = (value: string, offset: number, length: number) => {
    if (Buffer.byteLength(value) > length) throw new RangeError(`too long for tar: ${value}`);
    block.write(value, offset);
  };
  const octal = (value: number, offset: number, length: number) =>
    text(value.toString(8).padStart(length - 1, "0"), offset, length - 1);
  text(entry.type === "directory" ? `${entry.path}/` : entry.path, 0, 100);
  octal(entry.mode, 100, 8);
  octal(entry.uid ?? 0, 108, 8);
  octal(entry.gid ?? 0, 116, 8);
  octal(size, 124, 12);
  octal(mtime, 136, 12);
  text(typeFlags[entry.type], 156, 1);
  text(entry.target ?? "", 157, 100);
  text("ustar\x0000", 257, 8);
  octal(0, 329, 8);
  octal(0, 337, 8);
  // The checksum counts its own field as blanks.
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  text(`${sum.toString(8).padStart(6, "0")}\0 `, 148, 8);
  return block;
}
