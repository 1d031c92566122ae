import { closeSync, openSync, read } from "node:fs";
import { join } from "node:path";
import { type FileStat, Packet, packetTypes } from "../api/buildkit/session.ts";
import { invalidArgument } from "../base/errors.ts";
import type { PacketStream } from "./stream.ts";

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
  const paths: string[] = [];
  const telling = tell(stream, files, paths);
  // Whoever reads hears of it below.
  telling.catch(() => {});
  let sending: Promise<void> = Promise.resolve();
  for await (const encoded of stream.messages()) {
    const { type, ID, data } = Packet.decode(encoded);
    if (type === packetTypes.error) throw invalidArgument(Buffer.from(data).toString("utf8"));
    if (type === packetTypes.request) {
      const path = paths[ID];
      if (path === undefined) throw invalidArgument(`the other side asks for file ${ID}, which there is not`);
      sending = sending.then(() => content(stream, join(directory, path), ID));
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
async function tell(stream: PacketStream, files: Iterable<FileStat>, paths: string[]): Promise<void> {
  try {
    for (const stat of files) {
      paths.push(stat.path);
      await stream.send(Packet.encode({ type: packetTypes.stat, stat }));
      if (paths.length % turn === 0) await new Promise((resolve) => setImmediate(resolve));
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

async function content(stream: PacketStream, path: string, ID: number): Promise<void> {
  try {
    const fd = openSync(path, "r");
    try {
      for (let data = await piece(fd); data.length > 0; data = await piece(fd)) {
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

/** The next bytes of a file; empty at its end. */
function piece(fd: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(pieceSize);
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, pieceSize, null, (error, length) =>
      error === null ? resolve(buffer.subarray(0, length)) : reject(error),
    );
  });
}
