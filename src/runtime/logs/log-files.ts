import { constants, existsSync, readdirSync, statSync } from "node:fs";
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
function logFilePaths(path: string): string[] {
  const prefix = `${basename(path)}.`;
  const folder = dirname(path);
  if (!existsSync(folder)) return [];
  const rotated = new Map<number, string>();
  for (const name of readdirSync(folder)) {
    const match = name.startsWith(prefix) ? /^([1-9]\d*)(\.gz)?$/.exec(name.slice(prefix.length)) : null;
    // For a moment there are both: one that was just compressed, and what it was made of.
    if (match && !(match[2] && rotated.has(Number(match[1]))))
      rotated.set(Number(match[1]), join(folder, name));
  }
  const numbers = [...rotated.keys()].sort((a, b) => b - a);
  return [...numbers.map((number) => rotated.get(number) ?? ""), path];
}

/** A file of a log by its name, and what was behind the name. */
export interface NamedLogFile {
  path: string;
  inode: number;
}

/**
 * The files of a log as they stood at one time, the oldest first: looked at until nothing changes meanwhile, since a
 * rotation renames them one after another.
 */
export function listLogFiles(path: string): NamedLogFile[] {
  let files = namedFiles(path);
  // A writer that rotates faster than files can be looked at has nothing worth waiting for.
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const again = namedFiles(path);
    if (sameFiles(files, again)) break;
    files = again;
  }
  return files;
}

const mostAttempts = 50;

function namedFiles(path: string): NamedLogFile[] {
  return logFilePaths(path).flatMap((name) => {
    const inode = statSync(name, { throwIfNoEntry: false })?.ino;
    return inode === undefined ? [] : [{ path: name, inode }];
  });
}

function sameFiles(some: readonly NamedLogFile[], others: readonly NamedLogFile[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ path, inode }, at) => others[at]?.path === path && others[at].inode === inode)
  );
}

/**
 * Opens all files of a log, the oldest first. When files are rotated meanwhile, one could be seen twice or not at all:
 * then it begins again.
 */
export async function openLogFiles(path: string): Promise<LogFile[]> {
  for (let attempt = 0; ; attempt++) {
    const files: LogFile[] = [];
    const named = listLogFiles(path);
    for (const { path: name } of named) {
      const file = await openLogFile(name);
      if (file) files.push(file);
    }
    const settled =
      files.length === named.length && files.every((file, at) => file.inode === named[at]?.inode);
    if (settled || attempt === mostAttempts) return files;
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
