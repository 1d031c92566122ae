import { Transform } from "node:stream";

/** Stream numbers of Docker's multiplexed format: 8 bytes of header (stream, 0, 0, 0, length), then the bytes. */
const streamNumbers = { stdin: 0, stdout: 1, stderr: 2, systemerr: 3 } as const;

/** One frame. */
export function frame(stream: keyof typeof streamNumbers, payload: string | Uint8Array): Buffer {
  const length = typeof payload === "string" ? Buffer.byteLength(payload) : payload.length;
  const buffer = Buffer.allocUnsafe(8 + length);
  buffer.writeUInt32BE(streamNumbers[stream] << 24, 0);
  buffer.writeUInt32BE(length, 4);
  if (typeof payload === "string") buffer.write(payload, 8);
  else buffer.set(payload, 8);
  return buffer;
}

/** Bytes become frames of standard output. */
export function framing(): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, frame("stdout", chunk));
    },
  });
}

/** Frames become the bytes of standard output alone. */
export const standardOutput = (): Transform => payloads((stream) => stream === streamNumbers.stdout);

/** Frames become the bytes of standard output and standard error. */
export const bothOutputs = (): Transform => payloads(() => true);

function payloads(isWanted: (stream: number) => boolean): Transform {
  const header = Buffer.alloc(8);
  let headerLength = 0;
  let left = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      for (let at = 0; at < chunk.length; ) {
        if (headerLength < header.length) {
          const taken = chunk.copy(header, headerLength, at);
          headerLength += taken;
          at += taken;
          left = headerLength === header.length ? header.readUInt32BE(4) : 0;
        } else {
          const end = Math.min(chunk.length, at + left);
          if (isWanted(header[0] ?? 0) && end > at) this.push(chunk.subarray(at, end));
          left -= end - at;
          at = end;
        }
        if (headerLength === header.length && left === 0) headerLength = 0;
      }
      done();
    },
  });
}
