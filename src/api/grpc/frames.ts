import { invalidArgument, notImplemented } from "../../base/errors.ts";

const headerSize = 5;
/** What one message may have. BuildKit's clients take 16 MB. */
const maxMessage = 32 * 1024 * 1024;

/** A message as gRPC sends it: not compressed (0), its length, its bytes. */
export function frame(message: Uint8Array): Buffer {
  const header = Buffer.alloc(headerSize);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

/** Bytes that come until there are no more. */
interface Input {
  read(): Promise<Buffer | undefined>;
}

/** Takes the messages out of what arrives. Throws `invalidArgument` for one that is too long or cut off. */
export async function* messagesOf(input: Input): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let length = 0;
  let wanted = headerSize;
  for (let chunk = await input.read(); chunk !== undefined; chunk = await input.read()) {
    parts.push(chunk);
    length += chunk.length;
    if (length < wanted) continue;
    let buffer = parts.length === 1 ? chunk : Buffer.concat(parts);
    for (;;) {
      wanted = headerSize;
      if (buffer.length < wanted) break;
      const size = buffer.readUInt32BE(1);
      if (buffer[0] !== 0) throw notImplemented("compressed gRPC messages are not supported");
      if (size > maxMessage) throw invalidArgument(`a gRPC message of ${size} bytes is too large`);
      wanted = headerSize + size;
      if (buffer.length < wanted) break;
      yield buffer.subarray(headerSize, wanted);
      buffer = buffer.subarray(wanted);
    }
    parts = buffer.length === 0 ? [] : [buffer];
    length = buffer.length;
  }
  if (length > 0) throw invalidArgument("a gRPC message is cut off");
}
