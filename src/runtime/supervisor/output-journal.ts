import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { errnoOf } from "../../base/errors.ts";
import { moveFromPipe, readAt, readNow } from "../../linux/fd.ts";
import type { LogProgress, LogStream } from "../logs/log-driver.ts";
import type { LogPosition } from "./protocol.ts";

/** A file that is this long is left for the other one. */
const longestFile = 512 * 1024;

/** What is written down after each piece of output that was logged. One write(2) within a page is never torn. */
interface Note {
  /** The end of the log then. */
  position: LogPosition;
  /** For each stream, in which of its two files its output is, and how much of that was logged. */
  streams: Record<LogStream, { file: number; logged: number }>;
}

interface StreamJournal {
  fds: [number | undefined, number | undefined];
  file: number;
  /** The bytes in the file. */
  size: number;
  /** How many of them were handed out, and how many are in the log. */
  read: number;
  logged: number;
}

export interface JournalOwner {
  /** Tells how far the log is. */
  progress: () => LogProgress;
  /** Told when the files cannot be written (a full disk, a file system without splice): from then on there is no journal. */
  onFailure: (error: unknown) => void;
}

/**
 * What was taken out of a container's pipes and is not in its log yet, in files that outlive the supervisor: splice(2)
 * moves it there, and what a supervisor that is killed leaves there is logged by the next one. Its death costs no line
 * then, and doubles none.
 *
 * A stream has two files. One is read to its end, emptied, and used again; where a line has no end when the file has
 * grown long, its beginning is taken to the other file, which the next note names.
 */
export class OutputJournal {
  #path: string;
  #owner: JournalOwner;
  /** Output is read past the files. */
  #broken = false;
  #note: number | undefined;
  #numbers = new Float64Array(6);
  #streams: Record<LogStream, StreamJournal>;

  /** Files are made when there is output: `<path>.note`, `<path>.stdout.0`, … */
  constructor(path: string, owner: JournalOwner) {
    this.#path = path;
    this.#owner = owner;
    const note = readNote(path);
    if (note) this.#note = openNote(path);
    this.#streams = { stdout: this.#resume("stdout", note), stderr: this.#resume("stderr", note) };
  }

  /** What a supervisor that was killed has left. */
  #resume(stream: LogStream, note: Note | undefined): StreamJournal {
    const fds: StreamJournal["fds"] = [undefined, undefined];
    const journal: StreamJournal = { fds, file: 0, size: 0, read: 0, logged: 0 };
    if (!note) return journal;
    const { file, logged } = note.streams[stream];
    journal.file = file;
    journal.size = fstatSync(this.#open(stream, journal)).size;
    // A file that was emptied, and killed was who would have noted it.
    journal.logged = logged <= journal.size ? logged : 0;
    journal.read = journal.logged;
    return journal;
  }

  #open(stream: LogStream, journal: StreamJournal): number {
    journal.fds[journal.file] ??= openSync(
      `${this.#path}.${stream}.${journal.file}`,
      constants.O_RDWR | constants.O_CREAT,
      0o600,
    );
    return journal.fds[journal.file] as number;
  }

  /** True when a supervisor that was killed has left output that is not logged. */
  get hasLeftovers(): boolean {
    return Object.values(this.#streams).some(({ read, size }) => read < size);
  }

  /** Reads of `pipe`, without waiting, as `readNow` does. What it gives must be logged before the next call. */
  read(stream: LogStream, pipe: number, buffer: Uint8Array): number | undefined {
    const journal = this.#streams[stream];
    if (journal.read === journal.size) {
      const count = this.#tried(() => this.#take(stream, journal, pipe, buffer.length));
      if (this.#broken) return readNow(pipe, buffer);
      if (!count) return count;
    }
    const rest = buffer.subarray(0, Math.min(buffer.length, journal.size - journal.read));
    const count = readAt(this.#open(stream, journal), rest, journal.read);
    journal.read += count;
    return count;
  }

  #take(stream: LogStream, journal: StreamJournal, pipe: number, length: number): number | undefined {
    if (this.#note === undefined) this.#write();
    const count = moveFromPipe(pipe, this.#open(stream, journal), journal.size, length);
    if (count === undefined) this.#empty(stream, journal);
    journal.size += count ?? 0;
    return count;
  }

  /** Writes to the files, unless they are broken; they are when it throws. */
  #tried<T>(write: () => T): T | undefined {
    if (this.#broken) return undefined;
    try {
      return write();
    } catch (error) {
      this.#breakOff(error);
      return undefined;
    }
  }

  /** A note that is not kept up would have the next supervisor take new lines for old ones: it goes, with all files. */
  #breakOff(why: unknown): void {
    this.#broken = true;
    this.#owner.onFailure(why);
    try {
      for (const file of journalFiles(this.#path)) rmSync(file, { force: true });
    } catch (error) {
      this.#owner.onFailure(error);
    }
  }

  /** All that was read is in the log, but for a line without an end. */
  logged(stream: LogStream): void {
    if (this.#note === undefined) return;
    const journal = this.#streams[stream];
    const { position, pending } = this.#owner.progress();
    journal.logged = Math.max(0, journal.read - pending[stream]);
    const isLong = journal.size >= longestFile && journal.read === journal.size;
    this.#tried(() => (isLong ? this.#change(stream, journal, position) : this.#write(position)));
  }

  /** The pipe is empty, and so is the file when no line is unfinished. */
  #empty(stream: LogStream, journal: StreamJournal): void {
    if (journal.size === 0 || journal.logged < journal.size) return;
    ftruncateSync(this.#open(stream, journal), 0);
    journal.size = journal.read = journal.logged = 0;
    this.#write();
  }

  /** Goes on in the other file, with what is not logged yet. */
  #change(stream: LogStream, journal: StreamJournal, position: LogPosition): void {
    const old = this.#open(stream, journal);
    const rest = Buffer.alloc(journal.size - journal.logged);
    readAt(old, rest, journal.logged);
    journal.file = 1 - journal.file;
    const fresh = this.#open(stream, journal);
    ftruncateSync(fresh, 0);
    if (rest.length > 0) writeSync(fresh, rest, 0, rest.length, 0);
    journal.size = journal.read = rest.length;
    journal.logged = 0;
    this.#write(position);
    ftruncateSync(old, 0);
  }

  #write(position: LogPosition = this.#owner.progress().position): void {
    this.#note ??= openNote(this.#path);
    const { stdout, stderr } = this.#streams;
    const { inode, offset } = position;
    this.#numbers.set([inode, offset, stdout.file, stdout.logged, stderr.file, stderr.logged]);
    writeSync(this.#note, this.#numbers, 0, this.#numbers.byteLength, 0);
  }

  close(): void {
    const { stdout, stderr } = this.#streams;
    for (const fd of [this.#note, ...stdout.fds, ...stderr.fds]) if (fd !== undefined) closeSync(fd);
    this.#note = undefined;
    for (const journal of [stdout, stderr]) journal.fds = [undefined, undefined];
    this.#broken = true;
  }
}

const openNote = (path: string) => openSync(`${path}.note`, constants.O_WRONLY | constants.O_CREAT, 0o600);

function readNote(path: string): Note | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(`${path}.note`);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
  if (bytes.length < 48) return undefined;
  const number = (at: number) => bytes.readDoubleLE(at * 8);
  return {
    position: { inode: number(0), offset: number(1) },
    streams: {
      stdout: { file: number(2), logged: number(3) },
      stderr: { file: number(4), logged: number(5) },
    },
  };
}

/** Where the log of a supervisor that was killed ended when it wrote that down last; undefined without output. */
export function notedPosition(path: string): LogPosition | undefined {
  return readNote(path)?.position;
}

/** The files of a journal. */
export function journalFiles(path: string): string[] {
  const streams = ["stdout.0", "stdout.1", "stderr.0", "stderr.1"];
  return [`${path}.note`, ...streams.map((name) => `${path}.${name}`)];
}
