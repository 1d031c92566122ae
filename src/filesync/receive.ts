import {
  chmodSync,
  closeSync,
  fchmodSync,
  futimesSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { type FileStat, goModes, Packet, packetTypes } from "../api/buildkit/session.ts";
import { errnoOf, invalidArgument, notImplemented } from "../base/errors.ts";
import { makeFifo } from "../linux/fifo.ts";
import { creatable } from "../linux/umask.ts";
import type { PacketStream } from "./stream.ts";

/** Files as they are on the disk, by path. */
export type Manifest = Map<string, FileStat>;

/** The SHA-256 of files, in hex, by path. */
export type Contents = Map<string, string>;

/** Told with each bit: how many bytes of packets have come so far. */
export type OnBytes = (bytes: number) => void;

const isDirectory = ({ mode }: FileStat) => mode >= goModes.directory;
const isFile = (stat: FileStat) => !isDirectory(stat) && notFiles.every((bit) => !has(stat.mode, bit));
const notFiles = [goModes.symlink, goModes.fifo, goModes.device, goModes.socket];
const has = (mode: number, bit: number) => Math.floor(mode / bit) % 2 === 1;
/** A file by its first name. */
const isPlain = (stat: FileStat) => isFile(stat) && stat.linkname === "";
const permissions = (mode: number) =>
  (mode & 0o777) +
  (has(mode, goModes.setuid) ? 0o4000 : 0) +
  (has(mode, goModes.setgid) ? 0o2000 : 0) +
  (has(mode, goModes.sticky) ? 0o1000 : 0);

/** Where files go, and what is there already. */
export interface ReceiveTarget {
  directory: string;
  /** What is there as the sender told it; files that are told as they are in it are not asked for again. */
  known: Manifest;
  /** Called before the first change. */
  onChange?: () => void;
  /** Told of each file that comes; what it has is that of the files in `known`. */
  contents?: Contents;
  /** The directory may have other files: they stay, unless one of the sender's has the name. */
  merge?: boolean;
}

/**
 * Makes `directory` what the sender's folder is (fsutil's protocol): the sender tells of all files, and those that are
 * not in `known` as they are told are asked for. Returns what is there now; `end` is called when all has come. A path
 * that leads elsewhere is refused: `invalidArgument`.
 */
export async function receiveFiles(
  stream: PacketStream,
  target: ReceiveTarget,
  { onBytes, end }: { onBytes?: OnBytes; end?: () => void } = {},
): Promise<Manifest> {
  using receiver = new Receiver(stream, target);
  let bytes = 0;
  for await (const encoded of stream.messages()) {
    bytes += encoded.length;
    onBytes?.(bytes);
    if (!(await receiver.take(Packet.decode(encoded)))) continue;
    if (end === undefined) break;
    end();
  }
  return receiver.finish();
}

/** A file whose content is on its way. `open`: once it begins to come. */
interface Wanted {
  stat: FileStat;
  open: { fd: number; hash: Bun.CryptoHasher | undefined } | undefined;
}

class Receiver implements Disposable {
  readonly #stream: PacketStream;
  readonly #directory: string;
  readonly #known: Manifest;
  readonly #onChange: () => void;
  readonly #merge: boolean;
  readonly #contents: Contents | undefined;
  readonly #found: Manifest = new Map();
  /** By their number. */
  readonly #wanted = new Map<number, Wanted>();
  /** Further names of files, which are given once those are there. */
  readonly #links: FileStat[] = [];
  #count = 0;
  #changed = false;
  #isListed = false;
  #isOver = false;

  constructor(stream: PacketStream, { directory, known, onChange, merge, contents }: ReceiveTarget) {
    this.#stream = stream;
    this.#directory = directory;
    this.#known = known;
    this.#onChange = onChange ?? (() => {});
    this.#merge = merge ?? false;
    this.#contents = contents;
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
      await this.#stream.send(Packet.encode({ type: packetTypes.finish }));
    }
    return false;
  }

  async #file(stat: FileStat, number: number): Promise<void> {
    this.#check(stat);
    const before = this.#known.get(stat.path);
    const isKnown = before !== undefined && isSame(before, stat);
    // What is known already is in memory already; the times of directories may differ.
    this.#found.set(stat.path, isKnown && !isDirectory(stat) ? before : stat);
    if (isKnown) return;
    this.#change();
    this.#contents?.delete(stat.path);
    try {
      this.#make(stat);
    } catch (error) {
      throw explained(error, stat);
    }
    if (!isPlain(stat)) return;
    this.#wanted.set(number, { stat, open: undefined });
    await this.#stream.send(Packet.encode({ type: packetTypes.request, ID: number }));
  }

  /** Makes all of it but content. */
  #make(stat: FileStat): void {
    const path = join(this.#directory, stat.path);
    const isThere = this.#makeRoom(path, stat);
    if (isDirectory(stat)) {
      if (!isThere) mkdirSync(path, { mode: 0o700 });
    } else if (has(stat.mode, goModes.symlink)) {
      symlinkSync(stat.linkname, path);
      const seconds = Number(stat.modTime / 1000n) / 1e6;
      lutimesSync(path, seconds, seconds);
    } else if (has(stat.mode, goModes.fifo)) {
      makeFifo(path);
      chmodSync(path, permissions(stat.mode));
    } else if (has(stat.mode, goModes.device)) {
      throw notImplemented(`${stat.path}: devices in a build context are not supported`);
    } else if (has(stat.mode, goModes.socket)) this.#found.delete(stat.path);
    else if (isFile(stat) && stat.linkname !== "") this.#links.push(stat);
  }

  /** Removes what has the name. True for a directory that can stay. */
  #makeRoom(path: string, stat: FileStat): boolean {
    const before = this.#known.get(stat.path);
    if (before === undefined && !this.#merge) return false;
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isDirectory() && isDirectory(stat)) return true;
    rmSync(path, { recursive: true, force: true });
    return false;
  }

  /** Parents come before what is in them, so that no path leads over a symbolic link. */
  #check({ path, mode, linkname }: FileStat): void {
    const parts = path.split("/");
    const isPlain =
      parts.every((part) => part !== "" && part !== "." && part !== "..") && !path.includes("\0");
    const parent = this.#found.get(parts.slice(0, -1).join("/"));
    const isBelow = parts.length === 1 || (parent !== undefined && isDirectory(parent));
    if (!isPlain || !isBelow || this.#found.has(path)) {
      throw invalidArgument(`invalid path ${JSON.stringify(path)} in the build context`);
    }
    if (has(mode, goModes.symlink) && (linkname === "" || linkname.includes("\0"))) {
      throw invalidArgument(`invalid link ${JSON.stringify(path)} in the build context`);
    }
  }

  #data(id: number, data: Uint8Array): void {
    const wanted = this.#wanted.get(id);
    if (wanted === undefined) throw invalidArgument(`file ${id} of the build context was not asked for`);
    const mode = permissions(wanted.stat.mode);
    const isMade = (mode & ~creatable) === 0;
    wanted.open ??= this.#create(wanted.stat, isMade ? mode : 0o600);
    const { fd, hash } = wanted.open;
    if (data.length > 0) {
      hash?.update(data);
      for (let at = 0; at < data.length; ) at += writeSync(fd, data, at);
      return;
    }
    this.#wanted.delete(id);
    const seconds = Number(wanted.stat.modTime / 1000n) / 1e6;
    if (!isMade) fchmodSync(fd, mode);
    futimesSync(fd, seconds, seconds);
    closeSync(fd);
    if (hash) this.#contents?.set(wanted.stat.path, hash.digest("hex"));
  }

  #create(stat: FileStat, mode: number): NonNullable<Wanted["open"]> {
    try {
      const fd = openSync(join(this.#directory, stat.path), "wx", mode);
      return { fd, hash: this.#contents && new Bun.CryptoHasher("sha256") };
    } catch (error) {
      throw explained(error, stat);
    }
  }

  #change(): void {
    if (this.#changed) return;
    this.#changed = true;
    this.#onChange();
  }

  /** Removes what the client no longer has, and gives the directories their times. */
  finish(): Manifest {
    if (!this.#isOver) throw invalidArgument("the build context is cut off");
    for (const { path, linkname } of this.#links) {
      const first = this.#found.get(linkname);
      if (first === undefined || !isPlain(first)) {
        throw invalidArgument(`invalid link ${JSON.stringify(path)} in the build context`);
      }
      linkSync(join(this.#directory, linkname), join(this.#directory, path));
    }
    for (const path of this.#known.keys()) {
      if (this.#found.has(path)) continue;
      this.#change();
      this.#contents?.delete(path);
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
    for (const { open } of this.#wanted.values()) if (open !== undefined) closeSync(open.fd);
    this.#wanted.clear();
  }
}

/** Errors that are the sender's, without a word about where its files go. */
function explained(error: unknown, { path }: FileStat): unknown {
  if (errnoOf(error) !== "ENAMETOOLONG") return error;
  return invalidArgument(
    `${JSON.stringify(path.slice(0, 64))}… in the build context: file name too long`,
    error,
  );
}

/** A directory's size and time say nothing of what is in it. */
function isSame(one: FileStat, other: FileStat): boolean {
  if (one.mode !== other.mode) return false;
  if (isDirectory(one)) return true;
  const isSized = one.size === other.size && one.modTime === other.modTime && one.linkname === other.linkname;
  // Other clients tell no stamp.
  return isSized && one.stamp === other.stamp;
}
