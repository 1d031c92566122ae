import { errnoOf } from "../base/errors.ts";
import { isTerminal } from "./is-terminal.ts";
import { nodeFs } from "./node-fs.ts";

/** Where the client writes to. */
export interface Output {
  readonly fd: number;
  readonly isTerminal: boolean;
  write(data: string | Uint8Array): void;
}

const waiting = new Int32Array(new SharedArrayBuffer(4));

/** Writes all of it; waits while a non-blocking descriptor is full. */
function writeAll(fd: number, data: Uint8Array): void {
  for (let done = 0; done < data.length; ) {
    try {
      done += nodeFs().writeSync(fd, data, done, data.length - done);
    } catch (error) {
      if (errnoOf(error) !== "EAGAIN") throw error;
      Atomics.wait(waiting, 0, 0, 1);
    }
  }
}

/** As much as a pipe takes as a whole or not at all: PIPE_BUF (pipe(7)). Bytes. */
const atOnce = 4096;
/** So much is written without `node:fs`, which is faster once it is loaded. Bytes. */
let few = 65_536;

/** What is written in the background, once something had to be: all that is written later comes behind it. */
let writing: Promise<void> | undefined;
let failure: { readonly error: unknown } | undefined;

function writeLater(fd: number, write: () => unknown): void {
  const before = writing ?? Promise.resolve();
  writing = before.then(write).then(
    () => {},
    (error: unknown) => {
      if (errnoOf(error) === "EPIPE") endQuietly(fd);
      failure ??= { error };
    },
  );
}

/** Without `node:fs`. A plain file, or a descriptor that is full, is written to in the background. */
function writeFew(fd: number, bytes: Uint8Array): void {
  few -= bytes.length;
  const written = Bun.write(Bun.file(fd), bytes);
  const status = Bun.peek.status(written);
  if (status === "pending") writeLater(fd, () => written);
  if (status !== "rejected") return;
  written.catch(() => {}); // it is thrown here
  throw Bun.peek(written);
}

function writeTo(fd: number, data: string | Uint8Array): void {
  throwFailure();
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  if (bytes.length === 0) return;
  const isFew = bytes.length <= Math.min(atOnce, few);
  if (!writing && !isFew) {
    writeAll(fd, bytes);
    return;
  }
  // It may be written later, when the caller uses its memory again.
  const copy = Buffer.from(bytes);
  if (writing) writeLater(fd, () => writeAll(fd, copy));
  else writeFew(fd, copy);
}

/**
 * Resolves when all output is written: to be awaited before the process is ended. Throws why it could not be, where
 * nobody has heard of that.
 */
export async function outputWritten(): Promise<void> {
  for (let last = writing; last; last = writing === last ? undefined : writing) await last;
  throwFailure();
}

/** Throws what a write in the background failed with; once. */
function throwFailure(): void {
  const failed = failure;
  failure = undefined;
  if (failed) throw failed.error;
}

/** A reader that went away ends the process, as SIGPIPE does. */
function endQuietly(fd: number): never {
  process.exit(fd === 1 ? 141 : 1);
}

/** An output on a file descriptor. */
export function outputOn(fd: number): Output {
  let terminal: boolean | undefined;
  return {
    fd,
    get isTerminal() {
      terminal ??= isTerminal(fd);
      return terminal;
    },
    write: (data) => {
      try {
        writeTo(fd, data);
      } catch (error) {
        if (errnoOf(error) !== "EPIPE") throw error;
        endQuietly(fd);
      }
    },
  };
}

/** True when standard input is a terminal. */
export function inputIsTerminal(): boolean {
  return isTerminal(0);
}

/** Reads one line of standard input, for a question; undefined at its end. */
export function readLine(): string | undefined {
  const byte = Buffer.alloc(1);
  const line: number[] = [];
  for (;;) {
    let count = 0;
    try {
      count = nodeFs().readSync(0, byte, 0, 1, null);
    } catch (error) {
      if (errnoOf(error) === "EOF") count = 0;
      else throw error;
    }
    if (count === 0) return line.length === 0 ? undefined : Buffer.from(line).toString();
    if (byte[0] === 10) return Buffer.from(line).toString().replace(/\r$/, "");
    line.push(byte[0] ?? 0);
  }
}
