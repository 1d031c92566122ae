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
