import type { Socket } from "node:net";
import { EngineError, errorCodes, internal, isEngineError, messageOf } from "../../base/errors.ts";
import type { WireError } from "./protocol.ts";

const newline = 10;
/** A line of JSON may not be longer: the longest are the lists of thousands of containers. */
const longestLine = 64 * 1024 * 1024;

/** Puts lines together from the pieces in which a socket gives them. */
export class LineBuffer {
  #pieces: Buffer[] = [];
  #length = 0;

  /** Takes a piece; gives the lines that are complete now. Throws `internal` for a line without end. */
  push(piece: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = piece.indexOf(newline); end >= 0; end = piece.indexOf(newline, start)) {
      lines.push(Buffer.concat([...this.#pieces, piece.subarray(start, end)]).toString());
      this.#pieces = [];
      this.#length = 0;
      start = end + 1;
    }
    if (start < piece.length) this.#keep(piece.subarray(start));
    return lines;
  }

  #keep(rest: Buffer): void {
    this.#pieces.push(rest);
    this.#length += rest.length;
    if (this.#length > longestLine) throw internal("a line of the supervisor's protocol is too long");
  }
}

/** Reads one line, and leaves what follows it to the next reader of the socket. Rejects when the socket ends before. */
export function readFirstLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let seen: Buffer = Buffer.alloc(0);
    const finish = () => {
      socket.off("data", onData).off("end", onEnd).off("error", onEnd).off("close", onEnd);
      socket.pause();
    };
    const onEnd = () => {
      finish();
      reject(internal("the connection ended before its first line"));
    };
    const onData = (piece: Buffer) => {
      seen = Buffer.concat([seen, piece]);
      const end = seen.indexOf(newline);
      if (end < 0 && seen.length < longestLine) return;
      finish();
      if (end < 0) return reject(internal("the connection's first line is too long"));
      const rest = seen.subarray(end + 1);
      if (rest.length > 0) socket.unshift(rest);
      resolve(seen.subarray(0, end).toString());
    };
    socket.on("data", onData).on("end", onEnd).on("error", onEnd).on("close", onEnd);
  });
}

export function toWire(error: unknown): WireError {
  return { code: isEngineError(error) ? error.code : "internal", message: messageOf(error) };
}

export function fromWire({ code, message }: WireError): EngineError {
  return new EngineError(errorCodes.includes(code) ? code : "internal", message);
}
