/**
 * Files that are whole or not there, also after a power cut: written aside, synced, renamed or linked into place, and
 * the folder synced too (rename(2), fsync(2)).
 */
import { type FileHandle, mkdir, open, rename, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { newId } from "../base/ids.ts";

/** Makes what `path`'s own entry in its folder says durable. */
export async function syncDirectory(path: string): Promise<void> {
  await using handle = await open(path, "r");
  await handle.sync();
}

/** Makes the folder `path` with its parents, durably. */
export async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  const top = dirname(first);
  for (let folder = dirname(path); folder.length >= top.length; folder = dirname(folder)) {
    await syncDirectory(folder);
    if (folder === top) break;
  }
}

/** Writes `path` as a whole. `scratch` is a folder on the same file system. An older file is replaced. */
export async function writeWhole(path: string, bytes: Uint8Array | string, scratch: string): Promise<void> {
  await makeDirectory(dirname(path));
  await replace(path, scratch, async (aside) => {
    await using handle = await open(aside, "wx");
    await handle.writeFile(bytes);
    await handle.sync();
  });
}

async function replace(
  path: string,
  scratch: string,
  write: (aside: string) => Promise<void>,
): Promise<void> {
  const aside = join(scratch, newId());
  try {
    await write(aside);
    await rename(aside, path);
  } catch (error) {
    await removeFile(aside);
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Removes a file; false when there was none. */
export async function removeFile(path: string): Promise<boolean> {
  return (await orMissing(unlink(path), false)) !== false;
}

/** What `task` gives, or `otherwise` when a file or folder that it needs is not there. */
export async function orMissing<T, U>(task: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await task;
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return otherwise;
    throw error;
  }
}

/** Reads `length` bytes from `offset` on, in pieces; the next one is read ahead. Throws when the file ends before. */
export async function* readPieces(
  handle: FileHandle,
  offset: number,
  length: number,
  pieceSize = 512 * 1024,
): AsyncGenerator<Buffer> {
  const end = offset + length;
  let position = offset;
  let next = readPiece(handle, position, end, pieceSize);
  try {
    while (position < end) {
      const piece = await next;
      position += piece.length;
      next = readPiece(handle, position, end, pieceSize);
      yield piece;
    }
  } finally {
    // The file must not be closed under the read that is under way.
    await next.catch(() => {});
  }
}

async function readPiece(
  handle: FileHandle,
  position: number,
  end: number,
  pieceSize: number,
): Promise<Buffer> {
  if (position >= end) return Buffer.alloc(0);
  const piece = Buffer.allocUnsafe(Math.min(pieceSize, end - position));
  const { bytesRead } = await handle.read(piece, 0, piece.length, position);
  if (bytesRead === 0) throw new Error(`file ends at ${position} of ${end} bytes`);
  return piece.subarray(0, bytesRead);
}
