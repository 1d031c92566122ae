import {
  closeSync,
  createReadStream,
  createWriteStream,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { errnoOf } from "../../base/errors.ts";
import type { LogPosition } from "../supervisor/protocol.ts";
import type { Rotation } from "./rotation.ts";

const newline = 10;
/** Of a file that was set aside: compressed or not. */
const suffixes = ["", ".gz"];

/**
 * A file of lines that is set aside when it has grown to its limit: `log` becomes `log.1`, that one `log.2`, and so on
 * to the last, which is deleted. A new file is a new inode, so that whoever reads the old one can read on to its end.
 */
export class RotatedFile {
  #path: string;
  #rotation: Rotation;
  #fd: number;
  #size: number;
  #inode: number;
  /** The number that the file being compressed has by now. */
  #compressing: { number: number } | undefined;

  /**
   * Opens `path` at its end, or creates it. A writer that was killed may have left half a line there: it is finished, so
   * that what comes now is not joined to it, or dropped, when it comes again.
   */
  constructor(path: string, rotation: Rotation, tornLine: "finish" | "drop" = "finish") {
    this.#path = path;
    this.#rotation = rotation;
    this.#fd = openSync(path, "a+", 0o640);
    const { size, ino } = fstatSync(this.#fd);
    this.#size = size;
    this.#inode = ino;
    if (tornLine === "drop") this.#dropTornLine();
    else this.#finishTornLine();
  }

  #finishTornLine(): void {
    if (this.#size === 0) return;
    const last = Buffer.alloc(1);
    readSync(this.#fd, last, 0, 1, this.#size - 1);
    if (last[0] !== newline) this.#write(Buffer.from("\n"));
  }

  #dropTornLine(): void {
    const piece = Buffer.alloc(64 * 1024);
    for (let end = this.#size; end > 0; ) {
      const start = Math.max(0, end - piece.length);
      const count = readSync(this.#fd, piece, 0, end - start, start);
      const last = piece.subarray(0, count).lastIndexOf(newline);
      end = last >= 0 ? start + last + 1 : start;
      if (last < 0 && start > 0) continue;
      if (end < this.#size) ftruncateSync(this.#fd, end);
      this.#size = end;
      return;
    }
  }

  get position(): LogPosition {
    return { inode: this.#inode, offset: this.#size };
  }

  /** Appends whole lines; a file is left when it has reached its limit, at the end of a line. */
  append(lines: Buffer): void {
    const limit = this.#rotation.maxSize ?? Number.POSITIVE_INFINITY;
    let rest = lines;
    while (rest.length > 0) {
      if (this.#size >= limit) this.#rotate();
      const room = limit - this.#size;
      const end = rest.length <= room ? rest.length : rest.indexOf(newline, room - 1) + 1;
      this.#write(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  }

  #write(bytes: Buffer): void {
    let written = 0;
    while (written < bytes.length) written += writeSync(this.#fd, bytes, written);
    this.#size += bytes.length;
  }

  #rotate(): void {
    const { maxFile, compress } = this.#rotation;
    if (maxFile === 1) {
      rmSync(this.#path, { force: true });
    } else {
      if (this.#compressing) this.#compressing.number++;
      this.#shift();
      move(this.#path, `${this.#path}.1`);
    }
    const fresh = openSync(this.#path, "ax+", 0o640);
    closeSync(this.#fd);
    this.#fd = fresh;
    this.#size = 0;
    this.#inode = fstatSync(fresh).ino;
    if (compress && !this.#compressing) void this.#compress();
  }

  /** Makes room for a new `.1`: every number grows by one, the last file goes. */
  #shift(): void {
    const last = this.#rotation.maxFile - 1;
    for (const suffix of suffixes) rmSync(`${this.#path}.${last}${suffix}`, { force: true });
    for (let number = last - 1; number >= 1; number--) {
      for (const suffix of suffixes) {
        move(`${this.#path}.${number}${suffix}`, `${this.#path}.${number + 1}${suffix}`);
      }
    }
  }

  async #compress(): Promise<void> {
    const job = { number: 1 };
    this.#compressing = job;
    const temporary = `${this.#path}.gz-partial`;
    // Opened now: its name changes with every rotation.
    const source = openSync(`${this.#path}.1`, "r");
    try {
      await pipeline(
        createReadStream("", { fd: source }),
        createGzip(),
        createWriteStream(temporary, { mode: 0o640 }),
      );
      // A file that was set aside while another one was compressed stays as it is.
      if (job.number < this.#rotation.maxFile) {
        renameSync(temporary, `${this.#path}.${job.number}.gz`);
        rmSync(`${this.#path}.${job.number}`, { force: true });
      }
    } catch {
      // The file stays as it is, uncompressed: readable, and bounded by the rotation.
    } finally {
      rmSync(temporary, { force: true });
      this.#compressing = undefined;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** rename(2) where the source exists. */
function move(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}
