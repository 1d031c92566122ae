import { createReadStream } from "node:fs";
import { join } from "node:path";
import { type FileStat, Packet, packetTypes } from "../api/buildkit/session.ts";
import { invalidArgument } from "../base/errors.ts";
import type { PacketStream } from "./stream.ts";

/** What a packet carries of a file. Bytes. */
const pieceSize = 32 * 1024;

/**
 * Tells the other side of `files` below `directory`, and sends the content of those that it asks for (fsutil's
 * protocol). Returns when the other side has all that it wants.
 */
export async function sendFiles(
  stream: PacketStream,
  directory: string,
  files: AsyncIterable<FileStat>,
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
async function tell(stream: PacketStream, files: AsyncIterable<FileStat>, paths: string[]): Promise<void> {
  try {
    for await (const stat of files) {
      paths.push(stat.path);
      await stream.send(Packet.encode({ type: packetTypes.stat, stat }));
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
    for await (const data of createReadStream(path, { highWaterMark: pieceSize })) {
      await stream.send(Packet.encode({ type: packetTypes.data, ID, data }));
    }
    await stream.send(Packet.encode({ type: packetTypes.data, ID }));
  } catch (error) {
    await stream.send(failure(error));
    throw error;
  }
}
