/** The frames of HTTP/2 (RFC 9113, sections 4 and 6). */
import { errorCodes, ProtocolError } from "./protocol-error.ts";

export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goAway: 7,
  window: 8,
  continuation: 9,
} as const;

export const flags = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

export const settings = {
  enablePush: 2,
  maxStreams: 3,
  initialWindow: 4,
  maxFrame: 5,
} as const;

/** What a client says first. */
export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** The payload of a frame as long as nothing else was agreed upon. Bytes. */
export const leastMaxFrame = 16 * 1024;
/** The payload that is taken here. Bytes. */
export const maxFrame = 64 * 1024;

const headerSize = 9;

export interface Frame {
  type: number;
  flags: number;
  /** The stream; 0 for the connection. */
  id: number;
  payload: Buffer;
}

export function frameHeader(type: number, flag: number, id: number, length: number): Buffer {
  const header = Buffer.allocUnsafe(headerSize);
  header.writeUIntBE(length, 0, 3);
  header[3] = type;
  header[4] = flag;
  header.writeUInt32BE(id, 5);
  return header;
}

/** A payload that is one number. */
export function number(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** The number that a payload is. Throws `ProtocolError` for one that is none. */
export function numberOf(payload: Buffer): number {
  if (payload.length !== 4) throw new ProtocolError(errorCodes.frameSize, "a frame without its number");
  return payload.readUInt32BE(0);
}

/** Cuts what arrives into frames. */
export class FrameReader {
  #buffer: Buffer = Buffer.alloc(0);

  push(bytes: Uint8Array): void {
    const more = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#buffer = this.#buffer.length === 0 ? more : Buffer.concat([this.#buffer, more]);
  }

  /** `length` bytes that are no frame; undefined until they are there. */
  take(length: number): Buffer | undefined {
    if (this.#buffer.length < length) return undefined;
    const taken = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    return taken;
  }

  /** The next frame that is there as a whole. Throws `ProtocolError` for one that is too long. */
  next(): Frame | undefined {
    const buffer = this.#buffer;
    if (buffer.length < headerSize) return undefined;
    const length = buffer.readUIntBE(0, 3);
    if (length > maxFrame) throw new ProtocolError(errorCodes.frameSize, `a frame of ${length} bytes`);
    const end = headerSize + length;
    if (buffer.length < end) return undefined;
    this.#buffer = buffer.subarray(end);
    return {
      type: buffer[3] ?? 0,
      flags: buffer[4] ?? 0,
      id: buffer.readUInt32BE(5) & 0x7fffffff,
      payload: buffer.subarray(headerSize, end),
    };
  }
}

/** What a frame says of the stream: without padding, and without a priority (RFC 9113, sections 6.1 and 6.2). */
export function content({ flags: set, payload }: Frame): Buffer {
  const padding = set & flags.padded ? (payload[0] ?? payload.length) : 0;
  const start = (set & flags.padded ? 1 : 0) + (set & flags.priority ? 5 : 0);
  const end = payload.length - padding;
  if (start > end) throw new ProtocolError(errorCodes.protocol, "more padding than frame");
  return payload.subarray(start, end);
}
