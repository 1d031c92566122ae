import { readSync, writeSync } from "node:fs";
import { errnoOf } from "../base/errors.ts";
import { isTerminal } from "./is-terminal.ts";

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
      done += writeSync(fd, data, done, data.length - done);
    } catch (error) {
      if (errnoOf(error) !== "EAGAIN") throw error;
      Atomics.wait(waiting, 0, 0, 1);
    }
  }
}

/** An output on a file descriptor. A reader that went away ends the process quietly, as SIGPIPE does. */
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
        writeAll(fd, typeof data === "string" ? Buffer.from(data) : data);
      } catch (error) {
        if (errnoOf(error) !== "EPIPE") throw error;
        process.exit(fd === 1 ? 141 : 1);
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
      count = readSync(0, byte, 0, 1, null);
    } catch (error) {
      if (errnoOf(error) === "EOF") count = 0;
      else throw error;
    }
    if (count === 0) return line.length === 0 ? undefined : Buffer.from(line).toString();
    if (byte[0] === 10) return Buffer.from(line).toString().replace(/\r$/, "");
    line.push(byte[0] ?? 0);
  }
}
