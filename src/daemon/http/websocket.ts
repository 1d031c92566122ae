import { createHash } from "node:crypto";
import { Duplex } from "node:stream";
import { invalidArgument } from "../../base/errors.ts";

/** The longest frame that is taken from a client. Bytes. */
const maxFrame = 1024 * 1024;
const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** `Sec-WebSocket-Accept` for a client's key (RFC 6455, section 4.2.2). */
export function acceptKey(key: string): string {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}

/** One unmasked frame, as servers send it. */
export function frameOf(opcode: number, payload: Uint8Array): Buffer {
  const size = payload.length;
  const head =
    size < 126
      ? Buffer.from([0x80 | opcode, size])
      : size < 65536
        ? Buffer.from([0x80 | opcode, 126, size >> 8, size & 0xff])
        : Buffer.from([
            0x80 | opcode,
            127,
            0,
            0,
            0,
            0,
            size >>> 24,
            (size >> 16) & 0xff,
            (size >> 8) & 0xff,
            size & 0xff,
          ]);
  return Buffer.concat([head, payload]);
}

export interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** Takes the frames of a client out of a stream of bytes. Throws `invalidArgument` for what RFC 6455 forbids. */
export class FrameReader {
  #buffer: Buffer = Buffer.alloc(0);

  push(bytes: Uint8Array): Frame[] {
    this.#buffer = Buffer.concat([this.#buffer, bytes]);
    const frames: Frame[] = [];
    for (let frame = this.#take(); frame; frame = this.#take()) frames.push(frame);
    return frames;
  }

  #take(): Frame | undefined {
    const buffer = this.#buffer;
    if (buffer.length < 2) return undefined;
    const first = buffer.readUInt8(0);
    const second = buffer.readUInt8(1);
    if ((second & 0x80) === 0) throw invalidArgument("websocket: frame of a client without mask");
    if ((first & 0x70) !== 0) throw invalidArgument("websocket: reserved bits set");
    const short = second & 0x7f;
    const sizeBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const maskAt = 2 + sizeBytes;
    if (buffer.length < maskAt + 4) return undefined;
    const size =
      sizeBytes === 0 ? short : sizeBytes === 2 ? buffer.readUInt16BE(2) : Number(buffer.readBigUInt64BE(2));
    if (size > maxFrame) throw invalidArgument("websocket: frame too long");
    const end = maskAt + 4 + size;
    if (buffer.length < end) return undefined;
    const payload = Buffer.from(buffer.subarray(maskAt + 4, end));
    for (let i = 0; i < size; i++) payload[i] = (payload[i] ?? 0) ^ (buffer[maskAt + (i & 3)] ?? 0);
    this.#buffer = buffer.subarray(end);
    return { opcode: first & 0x0f, payload };
  }
}

/** The payloads of a websocket as a stream of bytes: output goes as binary frames, a close frame ends the input. */
export function websocketDuplex(raw: Duplex): Duplex {
  const reader = new FrameReader();
  const duplex = new Duplex({
    allowHalfOpen: true,
    read: () => raw.resume(),
    write: (bytes: Uint8Array, _encoding, done) => {
      if (raw.write(frameOf(opcodes.binary, bytes)) || raw.destroyed) done();
      else raw.once("drain", done);
    },
    final(done) {
      raw.end(frameOf(opcodes.close, Buffer.from([0x03, 0xe8])));
      done();
    },
    destroy(error, done) {
      raw.destroy();
      done(error);
    },
  });
  const take = ({ opcode, payload }: Frame) => {
    if (opcode === opcodes.close) duplex.push(null);
    else if (opcode === opcodes.ping) raw.write(frameOf(opcodes.pong, payload));
    else if (opcode <= opcodes.binary && !duplex.push(payload)) raw.pause();
  };
  raw.on("data", (bytes: Buffer) => {
    try {
      if (!duplex.readableEnded) reader.push(bytes).forEach(take);
    } catch {
      // No websocket: there is nobody to tell it to.
      duplex.destroy();
    }
  });
  raw.on("end", () => duplex.push(null));
  raw.on("close", () => duplex.destroy());
  return duplex;
}
