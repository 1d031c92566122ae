import { invalidArgument } from "../../base/errors.ts";
import type { Connection } from "./connection.ts";

/** Header fields by lower-case name; repeated ones are joined with `, `. */
export type Headers = Readonly<Record<string, string>>;

export interface Head {
  /** Request line or status line. */
  readonly start: string;
  readonly headers: Headers;
}

/** The most bytes of a head that are read. Docker's own limit (Go's) is 1 MB. */
const maxHead = 1024 * 1024;
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const endOfHead = Buffer.from("\r\n\r\n");

/**
 * Reads the head of an HTTP/1.1 message (RFC 9112). Undefined when the input ends before it begins.
 * Throws `invalidArgument` for what is no HTTP.
 */
export async function readHead(connection: Connection): Promise<Head | undefined> {
  let buffer: Buffer = Buffer.alloc(0);
  for (;;) {
    const bytes = connection.readNow() ?? (await connection.read());
    if (!bytes) {
      if (buffer.length > 0) throw invalidArgument("unexpected EOF in HTTP head");
      return undefined;
    }
    const from = Math.max(0, buffer.length - endOfHead.length);
    buffer = buffer.length === 0 ? asBuffer(bytes) : Buffer.concat([buffer, bytes]);
    // A blank line before the start line is allowed (RFC 9112, section 2.2).
    while (buffer.length >= 2 && buffer[0] === 13 && buffer[1] === 10) buffer = buffer.subarray(2);
    const end = buffer.indexOf(endOfHead, Math.min(from, buffer.length));
    if (end > maxHead || (end < 0 && buffer.length > maxHead)) {
      throw invalidArgument("HTTP head is too large");
    }
    if (end < 0) continue;
    connection.unread(buffer.subarray(end + endOfHead.length));
    return parseHead(buffer.toString("latin1", 0, end));
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function parseHead(text: string): Head {
  const [start = "", ...lines] = text.split("\r\n");
  const headers: Record<string, string> = Object.create(null);
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    if (colon < 1 || !token.test(name)) throw invalidArgument("malformed HTTP header");
    const value = line.slice(colon + 1).trim();
    if (/[\0\r\n]/.test(value)) throw invalidArgument("malformed HTTP header");
    const before = headers[name];
    headers[name] = before === undefined ? value : `${before}, ${value}`;
  }
  return { start, headers };
}

/** True when a comma-separated header lists `word`, in any case. */
export function listsWord(header: string | undefined, word: string): boolean {
  return header?.split(",").some((item) => item.trim().toLowerCase() === word) ?? false;
}
