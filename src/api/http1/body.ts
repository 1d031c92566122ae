import { invalidArgument } from "../../base/errors.ts";
import type { Connection } from "./connection.ts";
import { type Headers, listsWord } from "./head.ts";

/** The body of a message, as it arrives. `next` gives undefined at the end and throws when the peer stops early. */
export interface BodyReader {
  next(): Promise<Uint8Array | undefined>;
  readonly ended: boolean;
}

export const emptyBody: BodyReader = { next: async () => undefined, ended: true };

/**
 * The reader for a message's body by its headers (RFC 9112, section 6). `untilClose`: a response without a length
 * ends with the connection. Throws `invalidArgument` for contradicting or unknown framing.
 */
export function bodyOf(connection: Connection, headers: Headers, untilClose: boolean): BodyReader {
  const coding = headers["transfer-encoding"];
  const length = headers["content-length"];
  if (coding !== undefined) {
    if (length !== undefined) throw invalidArgument("both Content-Length and Transfer-Encoding");
    if (!listsWord(coding, "chunked") || coding.includes(",")) {
      throw invalidArgument(`unsupported transfer encoding: ${coding}`);
    }
    return new ChunkedBody(connection);
  }
  if (length !== undefined) {
    if (!/^\d{1,15}$/.test(length)) throw invalidArgument(`bad Content-Length: ${length}`);
    return Number(length) === 0 ? emptyBody : new FixedBody(connection, Number(length));
  }
  return untilClose ? new RestBody(connection) : emptyBody;
}

class FixedBody implements BodyReader {
  readonly #connection: Connection;
  #left: number;

  constructor(connection: Connection, length: number) {
    this.#connection = connection;
    this.#left = length;
  }

  get ended(): boolean {
    return this.#left === 0;
  }

  async next(): Promise<Uint8Array | undefined> {
    if (this.#left === 0) return undefined;
    const bytes = await this.#connection.read();
    if (!bytes) throw invalidArgument("unexpected EOF");
    const mine = bytes.subarray(0, this.#left);
    this.#connection.unread(bytes.subarray(mine.length));
    this.#left -= mine.length;
    return mine;
  }
}

class RestBody implements BodyReader {
  readonly #connection: Connection;
  ended = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async next(): Promise<Uint8Array | undefined> {
    const bytes = await this.#connection.read();
    if (!bytes) this.ended = true;
    return bytes;
  }
}

/** The longest line of a chunk's size, with its extensions, and of a trailer. */
const maxLine = 4096;
/** The most trailer fields that are skipped. */
const maxTrailers = 64;

class ChunkedBody implements BodyReader {
  readonly #connection: Connection;
  #left = 0;
  #first = true;
  ended = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async next(): Promise<Uint8Array | undefined> {
    if (this.ended) return undefined;
    if (this.#left === 0) {
      if (!this.#first && (await this.#line()) !== "") throw invalidArgument("malformed chunked encoding");
      this.#first = false;
      const size = /^([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?$/.exec(await this.#line())?.[1];
      if (size === undefined) throw invalidArgument("malformed chunked encoding");
      this.#left = Number.parseInt(size, 16);
      if (this.#left === 0) return this.#finish();
    }
    const bytes = this.#connection.readNow() ?? (await this.#connection.read());
    if (!bytes) throw invalidArgument("unexpected EOF");
    const mine = bytes.subarray(0, this.#left);
    this.#connection.unread(bytes.subarray(mine.length));
    this.#left -= mine.length;
    return mine;
  }

  async #finish(): Promise<undefined> {
    for (let i = 0; (await this.#line()) !== ""; i++) {
      if (i >= maxTrailers) throw invalidArgument("too many trailers");
    }
    this.ended = true;
    return undefined;
  }

  async #line(): Promise<string> {
    let line = "";
    for (;;) {
      const bytes = this.#connection.readNow() ?? (await this.#connection.read());
      if (!bytes) throw invalidArgument("unexpected EOF");
      const end = bytes.indexOf(10);
      line += Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString("latin1");
      if (line.length > maxLine) throw invalidArgument("header line too long");
      if (end < 0) continue;
      this.#connection.unread(bytes.subarray(end + 1));
      return line.endsWith("\r") ? line.slice(0, -1) : line;
    }
  }
}

const crlf = Buffer.from("\r\n");
/** The end of a chunked body. */
export const lastChunk: Buffer = Buffer.from("0\r\n\r\n");

/** One chunk of a chunked body. Empty `bytes` give nothing, because an empty chunk would end the body. */
export function chunkOf(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return bytes;
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, crlf]);
}

/** The bytes of a body one after another. Leaving the iteration early runs `abandon`. */
export async function* bodyBytes(body: BodyReader, abandon?: () => void): AsyncGenerator<Uint8Array, void> {
  try {
    for (let bytes = await body.next(); bytes; bytes = await body.next()) yield bytes;
  } finally {
    if (!body.ended) abandon?.();
  }
}

export const bodyTooLong = "http: request body too large";

/** A whole body; throws `invalidArgument` when it is longer than `limit` bytes. */
export async function wholeBody(body: BodyReader, limit: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for (let bytes = await body.next(); bytes; bytes = await body.next()) {
    size += bytes.length;
    if (size > limit) throw invalidArgument(bodyTooLong);
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}
