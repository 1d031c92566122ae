import { createReadStream } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { BytesMessage } from "../../api/buildkit/control.ts";
import { type FileStat, goModes, Packet, packetTypes, sessionMethods } from "../../api/buildkit/session.ts";
import type { GrpcCall, Metadata } from "../../api/grpc/client.ts";
import { invalidArgument } from "../../base/errors.ts";
import type { ClientSession } from "./client-session.ts";

/** What a packet carries of a file. Bytes. */
const pieceSize = 32 * 1024;

/** `number`: which of the client's outputs is meant, where it has several. */
function open(session: ClientSession, number: number, signal: AbortSignal): GrpcCall {
  if (!session.offers("sendFiles")) throw invalidArgument("the client takes no files of a build's output");
  const metadata: Metadata = { "buildkit-attachable-exporter-id": [String(number)] };
  return session.rpc.open(sessionMethods.sendFiles, metadata, signal);
}

/** Sends a file, made while it is sent, to where the client wants its output. */
export async function sendStream(
  session: ClientSession,
  pieces: AsyncIterable<Uint8Array>,
  { number, signal }: { number: number; signal: AbortSignal },
): Promise<void> {
  const call = open(session, number, signal);
  const answers = drained(call);
  // The call tells of its failure below.
  answers.catch(() => {});
  for await (const data of pieces) {
    if (call.isOver) break;
    await call.send(BytesMessage.encode({ data }));
  }
  call.end();
  await answers;
}

async function drained(call: GrpcCall): Promise<void> {
  for await (const _ of call.messages());
}

/** Sends the tree at `directory` to where the client wants its output (fsutil's protocol). */
export async function sendTree(
  session: ClientSession,
  directory: string,
  { number, signal }: { number: number; signal: AbortSignal },
): Promise<void> {
  const call = open(session, number, signal);
  const files: string[] = [];
  const stats = async () => {
    for await (const stat of walk(directory, "")) {
      files.push(stat.path);
      await call.send(Packet.encode({ type: packetTypes.stat, stat }));
    }
    await call.send(Packet.encode({ type: packetTypes.stat }));
  };
  const telling = stats().catch((error: unknown) => {
    call.destroy();
    throw error;
  });
  telling.catch(() => {});
  let queue: Promise<void> = Promise.resolve();
  for await (const encoded of call.messages()) {
    const { type, ID, data } = Packet.decode(encoded);
    if (type === packetTypes.error) throw invalidArgument(Buffer.from(data).toString("utf8"));
    if (type === packetTypes.request) {
      const path = files[ID];
      if (path === undefined) throw invalidArgument(`the client asks for file ${ID}, which there is not`);
      queue = queue.then(() => content(call, join(directory, path), ID));
      queue.catch(() => call.destroy());
    } else if (type === packetTypes.finish) {
      await telling;
      await queue;
      await call.send(Packet.encode({ type: packetTypes.finish }));
      call.end();
    }
  }
  await telling;
  await queue;
}

async function content(call: GrpcCall, path: string, ID: number): Promise<void> {
  for await (const data of createReadStream(path, { highWaterMark: pieceSize })) {
    if (call.isOver) return;
    await call.send(Packet.encode({ type: packetTypes.data, ID, data }));
  }
  await call.send(Packet.encode({ type: packetTypes.data, ID }));
}

/** Folders before what is in them, names in the order of their bytes: as the receiver checks. */
async function* walk(root: string, folder: string): AsyncGenerator<FileStat> {
  const names = await readdir(join(root, folder));
  for (const name of names.sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))) {
    const path = folder === "" ? name : `${folder}/${name}`;
    const stat = await statOf(join(root, path), path);
    if (stat === undefined) continue;
    yield stat;
    if (stat.mode >= goModes.directory) yield* walk(root, path);
  }
}

/** Undefined for what no client can make: devices, sockets. */
async function statOf(full: string, path: string): Promise<FileStat | undefined> {
  const status = await lstat(full, { bigint: true });
  const isLink = status.isSymbolicLink();
  const isDirectory = status.isDirectory();
  if (!isLink && !isDirectory && !status.isFile()) return undefined;
  const bits = Number(status.mode);
  const mode =
    (bits & 0o777) +
    (bits & 0o4000 ? goModes.setuid : 0) +
    (bits & 0o2000 ? goModes.setgid : 0) +
    (bits & 0o1000 ? goModes.sticky : 0) +
    (isLink ? goModes.symlink : 0) +
    (isDirectory ? goModes.directory : 0);
  return {
    path,
    mode,
    uid: Number(status.uid),
    gid: Number(status.gid),
    size: status.isFile() ? Number(status.size) : 0,
    modTime: status.mtimeNs,
    linkname: isLink ? await readlink(full) : "",
    devmajor: 0,
    devminor: 0,
    xattrs: {},
  };
}
