import { closeSync, openSync, read, readSync } from "node:fs";
import { join } from "node:path";
import { type FileStat, Packet, packetTypes } from "../api/buildkit/session.ts";
import { invalidArgument } from "../base/errors.ts";
import type { PacketStream } from "./stream.ts";
import { ToldFiles } from "./told-files.ts";

/** What a packet carries of a file. Bytes. */
const pieceSize = 128 * 1024;
/** Files that are told of before others get their turn: the look at one does not wait. */
const turn = 256;

/**
 * Tells the other side of `files` below `directory`, and sends the content of those that it asks for (fsutil's
 * protocol). Returns when the other side has all that it wants.
 */
export async function sendFiles(
  stream: PacketStream,
  directory: string,
  files: Iterable<FileStat>,
): Promise<void> {
  const told = new ToldFiles();
  const telling = tell(stream, files, told);
  // Whoever reads hears of it below.
  telling.catch(() => {});
  let sending: Promise<void> = Promise.resolve();
  for await (const encoded of stream.messages()) {
    const { type, ID, data } = Packet.decode(encoded);
    if (type === packetTypes.error) throw invalidArgument(Buffer.from(data).toString("utf8"));
    if (type === packetTypes.request) {
      const stat = told.get(ID);
      if (stat === undefined) throw invalidArgument(`the other side asks for file ${ID}, which there is not`);
      sending = sending.then(() => content(stream, join(directory, stat.path), stat.size, ID));
      sending.catch(() => {});
    } else if (type === packetTypes.finish) {
      await telling;
      await sending;
      await stream.send(Packet.encode({ type: packetTypes.finish }));
      return;
    }
  }
  await telling;
  await sending;
  throw invalidArgument("the transfer of files is cut off");
}

/** What cannot be read is told to the other side, which then gives up. */
async function tell(stream: PacketStream, files: Iterable<FileStat>, told: ToldFiles): Promise<void> {
  try {
    for (const stat of files) {
      told.add(stat);
      await stream.send(Packet.encode({ type: packetTypes.stat, stat }));
      if (told.count % turn === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await stream.send(Packet.encode({ type: packetTypes.stat }));
  } catch (error) {
    await stream.send(failure(error));
    throw error;
  }
}

const failure = (error: unknown) =>
  Packet.encode({
    type: packetTypes.error,
    data: Buffer.from(error instanceof Error ? error.message : String(error)),
  });

/** `size`: what was told of the file; one that has become longer is sent as far as that. */
async function content(stream: PacketStream, path: string, size: number, ID: number): Promise<void> {
  try {
    const fd = openSync(path, "r");
    try {
      for (let left = size; left > 0; ) {
        const data = await piece(fd, Math.min(left, pieceSize), size);
        if (data.length === 0) break;
        left -= data.length;
        await stream.send(Packet.encode({ type: packetTypes.data, ID, data }));
      }
    } finally {
      closeSync(fd);
    }
    await stream.send(Packet.encode({ type: packetTypes.data, ID }));
  } catch (error) {
    await stream.send(failure(error));
    throw error;
  }
}

/** The next bytes of a file; empty at its end. The threads that read long files cost more than a short file itself. */
function piece(fd: number, length: number, size: number): Promise<Buffer> | Buffer {
  const buffer = Buffer.allocUnsafe(length);
  if (size <= pieceSize) return buffer.subarray(0, readSync(fd, buffer));
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, length, null, (error, count) =>
      error === null ? resolve(buffer.subarray(0, count)) : reject(error),
    );
  });
}
