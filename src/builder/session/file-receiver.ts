import {
  chmodSync,
  closeSync,
  fchmodSync,
  futimesSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { type FileStat, goModes, Packet, packetTypes, sessionMethods } from "../../api/buildkit/session.ts";
import type { GrpcCall, Metadata } from "../../api/grpc/client.ts";
import { invalidArgument, notImplemented } from "../../base/errors.ts";
import { makeFifo } from "../../linux/fifo.ts";
import type { ClientSession } from "./client-session.ts";

/** What is asked of a client's folder. */
export interface FilesRequest {
  /** Which of the folders that it offers. */
  name: string;
  /** As in `.dockerignore`. */
  exclude: readonly string[];
  /** Only these, with what symbolic links on the way name; undefined for all. */
  follow: readonly string[] | undefined;
}

/** Files as they are on the disk, by path. */
export type Manifest = Map<string, FileStat>;

/** Told with each bit: how many bytes of packets have come so far. */
export type OnBytes = (bytes: number) => void;

const isDirectory = ({ mode }: FileStat) => mode >= goModes.directory;
const has = (mode: number, bit: number) => Math.floor(mode / bit) % 2 === 1;
const permissions = (mode: number) =>
  (mode & 0o777) +
  (has(mode, goModes.setuid) ? 0o4000 : 0) +
  (has(mode, goModes.setgid) ? 0o2000 : 0) +
  (has(mode, goModes.sticky) ? 0o1000 : 0);

function metadataOf({ name, exclude, follow }: FilesRequest): Metadata {
  const fields: Record<string, readonly string[]> = {
    "dir-name": [name],
    "exclude-patterns": exclude,
    ...(follow && { followpaths: follow }),
  };
  return Object.fromEntries(
    Object.entries(fields).flatMap(([key, values]): [string, readonly string[]][] => {
      if (values.length === 0) return [];
      // Header fields are ASCII; what is not is told to be encoded.
      if (values.every((value) => /^[\x20-\x7e]*$/.test(value))) return [[key, values]];
      const encoded = values.map((value) => encodeURIComponent(value).replaceAll("%20", "+"));
      return [
        [key, encoded],
        [`${key}-encoded`, ["1"]],
      ];
    }),
  );
}

/**
 * Makes `directory` what the client's folder is (fsutil's protocol): the client tells of all files, and those that are
 * not in `known` as they are told are asked for. `onChange` is called before the first change. Returns what is there
 * now. A path that leads elsewhere is refused.
 */
export async function receiveFiles(
  session: ClientSession,
  request: FilesRequest,
  target: { directory: string; known: Manifest; onChange: () => void },
  { onBytes, signal }: { onBytes: OnBytes; signal: AbortSignal },
): Promise<Manifest> {
  const call = session.rpc.open(sessionMethods.readFiles, metadataOf(request), signal);
  using receiver = new Receiver(call, target);
  let bytes = 0;
  for await (const encoded of call.messages()) {
    bytes += encoded.length;
    onBytes(bytes);
    if (await receiver.take(Packet.decode(encoded))) call.end();
  }
  return receiver.finish();
}

class Receiver implements Disposable {
  readonly #call: GrpcCall;
  readonly #directory: string;
  readonly #known: Manifest;
  readonly #onChange: () => void;
  readonly #found: Manifest = new Map();
  /** Files whose content is on its way, by their number; `fd` once it begins to come. */
  readonly #wanted = new Map<number, { stat: FileStat; fd: number | undefined }>();
  #count = 0;
  #changed = false;
  #isListed = false;
  #isOver = false;

  constructor(
    call: GrpcCall,
    { directory, known, onChange }: { directory: string; known: Manifest; onChange: () => void },
  ) {
    this.#call = call;
    this.#directory = directory;
    this.#known = known;
    this.#onChange = onChange;
  }

  /** True when all has come. */
  async take({ type, stat, ID, data }: Packet): Promise<boolean> {
    switch (type) {
      case packetTypes.stat:
        if (stat === undefined) this.#isListed = true;
        else await this.#file(stat, this.#count++);
        break;
      case packetTypes.data:
        this.#data(ID, data);
        break;
      case packetTypes.error:
        throw invalidArgument(Buffer.from(data).toString("utf8"));
      case packetTypes.finish:
        return true;
      default:
        throw invalidArgument(`unexpected packet ${type} of the build context`);
    }
    if (this.#isListed && this.#wanted.size === 0 && !this.#isOver) {
      this.#isOver = true;
      await this.#call.send(Packet.encode({ type: packetTypes.finish }));
    }
    return false;
  }

  async #file(stat: FileStat, number: number): Promise<void> {
    this.#check(stat.path);
    const before = this.#known.get(stat.path);
    this.#found.set(stat.path, stat);
    if (before !== undefined && isSame(before, stat)) return;
    this.#change();
    const path = join(this.#directory, stat.path);
    if (before !== undefined && !(isDirectory(before) && isDirectory(stat))) {
      rmSync(path, { recursive: true, force: true });
    }
    if (isDirectory(stat)) {
      if (before === undefined || !isDirectory(before)) mkdirSync(path, { mode: 0o700 });
    } else if (has(stat.mode, goModes.symlink)) symlinkSync(stat.linkname, path);
    else if (has(stat.mode, goModes.fifo)) {
      makeFifo(path);
      chmodSync(path, permissions(stat.mode));
    } else if (has(stat.mode, goModes.device)) {
      throw notImplemented(`${stat.path}: devices in a build context are not supported`);
    } else if (has(stat.mode, goModes.socket)) this.#found.delete(stat.path);
    else {
      this.#wanted.set(number, { stat, fd: undefined });
      await this.#call.send(Packet.encode({ type: packetTypes.request, ID: number }));
    }
  }

  /** Parents come before what is in them, so that no path leads over a symbolic link. */
  #check(path: string): void {
    const parts = path.split("/");
    const isPlain =
      parts.every((part) => part !== "" && part !== "." && part !== "..") && !path.includes("\0");
    const parent = this.#found.get(parts.slice(0, -1).join("/"));
    const isBelow = parts.length === 1 || (parent !== undefined && isDirectory(parent));
    if (!isPlain || !isBelow || this.#found.has(path)) {
      throw invalidArgument(`invalid path ${JSON.stringify(path)} in the build context`);
    }
  }

  #data(id: number, data: Uint8Array): void {
    const wanted = this.#wanted.get(id);
    if (wanted === undefined) throw invalidArgument(`file ${id} of the build context was not asked for`);
    wanted.fd ??= openSync(join(this.#directory, wanted.stat.path), "wx", 0o600);
    if (data.length > 0) {
      for (let at = 0; at < data.length; ) at += writeSync(wanted.fd, data, at);
      return;
    }
    this.#wanted.delete(id);
    const seconds = Number(wanted.stat.modTime / 1000n) / 1e6;
    fchmodSync(wanted.fd, permissions(wanted.stat.mode));
    futimesSync(wanted.fd, seconds, seconds);
    closeSync(wanted.fd);
  }

  #change(): void {
    if (this.#changed) return;
    this.#changed = true;
    this.#onChange();
  }

  /** Removes what the client no longer has, and gives the directories their times. */
  finish(): Manifest {
    if (!this.#isOver) throw invalidArgument("the build context is cut off");
    for (const path of this.#known.keys()) {
      if (this.#found.has(path)) continue;
      this.#change();
      // What was in a folder that is gone, or that is something else now, went with it; a link must not be followed.
      const parent = path.lastIndexOf("/") < 0 ? undefined : path.slice(0, path.lastIndexOf("/"));
      const above = parent === undefined ? undefined : this.#found.get(parent);
      if (parent !== undefined && (above === undefined || !isDirectory(above))) continue;
      rmSync(join(this.#directory, path), { recursive: true, force: true });
    }
    if (!this.#changed) return this.#found;
    for (const stat of [...this.#found.values()].filter(isDirectory).reverse()) {
      const path = join(this.#directory, stat.path);
      const seconds = Number(stat.modTime / 1000n) / 1e6;
      chmodSync(path, permissions(stat.mode));
      utimesSync(path, seconds, seconds);
    }
    return this.#found;
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#wanted.values()) if (fd !== undefined) closeSync(fd);
    this.#wanted.clear();
    this.#call.destroy();
  }
}

/** A directory's size and time say nothing of what is in it. */
function isSame(one: FileStat, other: FileStat): boolean {
  if (one.mode !== other.mode) return false;
  if (isDirectory(one)) return true;
  return one.size === other.size && one.modTime === other.modTime && one.linkname === other.linkname;
}
