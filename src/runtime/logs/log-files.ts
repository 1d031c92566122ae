import { constants, existsSync, readdirSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { errnoOf } from "../../base/errors.ts";

const unzip = promisify(gunzip);
const newline = 10;
/** How much of a log is read at once: with less, asking for it takes longer than reading it. */
export const logBlock = 1024 * 1024;

/** One file of a log: read from its beginning, or searched from its end. */
export interface LogFile extends AsyncDisposable {
  inode: number;
  size(): Promise<number>;
  /** At most `length` bytes, which are valid until the next call. */
  read(position: number, length: number): Promise<Buffer>;
}

class PlainFile implements LogFile {
  readonly inode: number;
  #handle: FileHandle;
  #buffer: Buffer | undefined;

  constructor(handle: FileHandle, inode: number) {
    this.#handle = handle;
    this.inode = inode;
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async read(position: number, length: number): Promise<Buffer> {
    if (this.#buffer?.length !== length) this.#buffer = Buffer.allocUnsafeSlow(length);
    const { bytesRead } = await this.#handle.read(this.#buffer, 0, length, position);
    return this.#buffer.subarray(0, bytesRead);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

/** A compressed file, which is not written to any more; decompressed as a whole when it is first read. */
class CompressedFile implements LogFile {
  readonly inode: number;
  #handle: FileHandle;
  #content: Promise<Buffer> | undefined;

  constructor(handle: FileHandle, inode: number) {
    this.#handle = handle;
    this.inode = inode;
  }

  #read(): Promise<Buffer> {
    this.#content ??= this.#handle.readFile().then((bytes) => unzip(bytes));
    return this.#content;
  }

  async size(): Promise<number> {
    return (await this.#read()).length;
  }

  async read(position: number, length: number): Promise<Buffer> {
    return (await this.#read()).subarray(position, position + length);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

/** Opens a file of a log; undefined when it does not exist. */
export async function openLogFile(path: string): Promise<LogFile | undefined> {
  try {
    const handle = await open(path, constants.O_RDONLY);
    const { ino } = await handle.stat();
    return path.endsWith(".gz") ? new CompressedFile(handle, ino) : new PlainFile(handle, ino);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** The paths of a log's files, the oldest first, the current one last. */
export function logFilePaths(path: string): string[] {
  const prefix = `${basename(path)}.`;
  const folder = dirname(path);
  if (!existsSync(folder)) return [];
  const rotated = readdirSync(folder).flatMap((name) => {
    const match = name.startsWith(prefix) ? /^([1-9]\d*)(\.gz)?$/.exec(name.slice(prefix.length)) : null;
    return match ? [{ number: Number(match[1]), path: join(folder, name) }] : [];
  });
  return [...rotated.sort((a, b) => b.number - a.number).map((file) => file.path), path];
}

/**
 * Opens all files of a log, the oldest first. When files are rotated meanwhile, one could be seen twice or not at all:
 * then it begins again.
 */
export async function openLogFiles(path: string): Promise<LogFile[]> {
  for (let attempt = 0; ; attempt++) {
    const files: LogFile[] = [];
    for (const name of logFilePaths(path)) {
      const file = await openLogFile(name);
      if (file) files.push(file);
    }
    const current = await openLogFile(path);
    const inodes = files.map((file) => file.inode);
    const settled = current?.inode === inodes.at(-1) && new Set(inodes).size === inodes.length;
    await current?.[Symbol.asyncDispose]();
    // A writer that rotates faster than files can be opened has nothing worth waiting for.
    if (settled || attempt === 20) return files;
    for (const file of files) await file[Symbol.asyncDispose]();
  }
}

/** Where the last `count` lines of a file begin, and how many there are (fewer when the file is shorter). */
export async function findTail(
  file: LogFile,
  end: number,
  count: number,
): Promise<{ offset: number; lines: number }> {
  if (count === 0) return { offset: end, lines: 0 };
  let lines = 0;
  for (let stop = end; stop > 0; ) {
    const start = Math.max(0, stop - logBlock);
    const bytes = await file.read(start, stop - start);
    for (
      let at = bytes.lastIndexOf(newline);
      at >= 0;
      at = at > 0 ? bytes.lastIndexOf(newline, at - 1) : -1
    ) {
      // The end of the last line does not begin another one.
      if (start + at + 1 === end) continue;
      lines++;
      if (lines === count) return { offset: start + at + 1, lines };
    }
    stop = start;
  }
  return { offset: 0, lines: end > 0 ? lines + 1 : 0 };
}
