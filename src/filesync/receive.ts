import {
  chmodSync,
  closeSync,
  fchmodSync,
  futimesSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { type FileStat, goModes, Packet, packetTypes } from "../api/buildkit/session.ts";
import type { FileList } from "../archive/file-list.ts";
import {
  arrivedTail,
  encodeRecord,
  essence,
  isSameRecord,
  setAwaited,
  setLinked,
} from "../archive/file-record.ts";
import { errnoOf, invalidArgument, notImplemented } from "../base/errors.ts";
import { isWithin } from "../base/path-order.ts";
import { makeFifo } from "../linux/fifo.ts";
import { creatable } from "../linux/umask.ts";
import { type Awaited, AwaitedFiles } from "./awaited.ts";
import { completeTree } from "./complete-tree.ts";
import { invalidLink, invalidMode, invalidPath, tooLong } from "./context-error.ts";
import { has, isDirectory, isFile, kindOf, permissions } from "./go-mode.ts";
import { ListMerge } from "./list-merge.ts";
import type { PacketStream } from "./stream.ts";
import { ToldOrder } from "./told-order.ts";

/** Told with each bit: how many bytes of packets have come so far. */
export type OnBytes = (bytes: number) => void;

/** Where files go, and what is there already. */
export interface ReceiveTarget {
  directory: string;
  /** What is there as the sender told it; files that are told as they are in it are not asked for again. */
  known: FileList | undefined;
  /** Makes the list of what is there afterwards, where it is another one. */
  begin: () => FileList;
  /** Called before the first change. */
  onChange?: () => void;
  /** The list is to have the digests of what comes. */
  hash?: boolean;
  /** The directory may have other files: they stay, unless one of the sender's has the name. */
  merge?: boolean;
}

/**
 * Makes `directory` what the sender's folder is (fsutil's protocol): the sender tells of all files in the order of a
 * walk, and those that are not in `known` as they are told are asked for. Returns the list of what is there now: `known`
 * where it is the same, or one that `begin` has made, which is the caller's. `end` is called when all has come. A path that
 * leads elsewhere, or out of order, is refused: `invalidArgument`. The memory that it takes does not grow with the files.
 */
export async function receiveFiles(
  stream: PacketStream,
  target: ReceiveTarget,
  { onBytes, end }: { onBytes?: OnBytes; end?: () => void } = {},
): Promise<FileList> {
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

class Receiver implements Disposable {
  readonly #stream: PacketStream;
  readonly #target: ReceiveTarget;
  readonly #directory: string;
  readonly #order = new ToldOrder();
  readonly #lists: ListMerge;
  readonly #awaited: AwaitedFiles;
  /** What was removed last, with all that is below it. */
  #gone: string | undefined;
  #count = 0;
  #changed = false;
  #isListed = false;
  #isOver = false;
  #isWhole = false;

  constructor(stream: PacketStream, target: ReceiveTarget) {
    this.#stream = stream;
    this.#target = target;
    this.#directory = target.directory;
    this.#lists = new ListMerge(target.known, target.begin);
    this.#awaited = new AwaitedFiles(stream);
  }

  /** True when all has come. */
  async take({ type, stat, ID, data }: Packet): Promise<boolean> {
    switch (type) {
      case packetTypes.stat:
        if (stat === undefined) this.#isListed = true;
        else await this.#file(stat, this.#count++);
        break;
      case packetTypes.data:
        await this.#data(ID, data);
        break;
      case packetTypes.error:
        throw invalidArgument(Buffer.from(data).toString("utf8"));
      case packetTypes.finish:
        return true;
      default:
        throw invalidArgument(`unexpected packet ${type} of the build context`);
    }
    if (this.#isListed && this.#awaited.isEmpty && !this.#isOver) {
      this.#isOver = true;
      await this.#stream.send(Packet.encode({ type: packetTypes.finish }));
    }
    return false;
  }

  async #file(stat: FileStat, number: number): Promise<void> {
    this.#check(stat);
    const before = this.#lists.reach(stat.path, (path) => this.#remove(path));
    // Nobody can make one, and nobody misses it: what had its name goes with what comes next.
    if (has(stat.mode, goModes.socket)) return;
    const record = encodeRecord({ ...stat, kind: kindOf(stat) });
    if (record === undefined) throw tooLong(stat.path);
    if (before && isSameRecord(before, record)) {
      this.#lists.keep(before);
    } else if (before && isDirectory(stat) && essence(before).equals(essence(record))) {
      this.#lists.put(record, before);
    } else await this.#change(stat, number, record, before);
  }

  /** A file that was not there, or is another now. */
  async #change(stat: FileStat, number: number, record: Buffer, before: Buffer | undefined): Promise<void> {
    this.#changes();
    try {
      this.#make(stat, before !== undefined);
    } catch (error) {
      throw errnoOf(error) === "ENAMETOOLONG" ? tooLong(stat.path, error) : error;
    }
    if (!isFile(stat)) {
      this.#lists.put(record, before);
    } else if (stat.linkname !== "") {
      setLinked(record);
      this.#lists.put(record, before);
    } else {
      setAwaited(record, number);
      const offset = this.#lists.put(record, before);
      await this.#awaited.add(this.#lists.list, record, offset);
    }
  }

  /** Makes all of it but content, and further names of files, which are given once those are there. */
  #make(stat: FileStat, isKnown: boolean): void {
    const path = join(this.#directory, stat.path);
    const isThere = this.#makeRoom(path, stat, isKnown);
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
    }
  }

  /** Removes what has the name. True for a directory that can stay. */
  #makeRoom(path: string, stat: FileStat, isKnown: boolean): boolean {
    if (!isKnown && !this.#target.merge) return false;
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isDirectory() && isDirectory(stat)) return true;
    rmSync(path, { recursive: true, force: true });
    this.#gone = stat.path;
    return false;
  }

  /** Removes what the sender no longer has. */
  #remove(path: string): void {
    this.#changes();
    // What was in a folder that is gone, or that is something else now, went with it; a link must not be followed.
    if (this.#gone !== undefined && isWithin(path, this.#gone)) return;
    rmSync(join(this.#directory, path), { recursive: true, force: true });
    this.#gone = path;
  }

  /** Parents come before what is in them, so that no path leads over a symbolic link. */
  #check(stat: FileStat): void {
    const { path, mode, linkname } = stat;
    if (!this.#order.take(path, isDirectory(stat))) throw invalidPath(path);
    if (mode < 0 || mode >= 2 ** 32) throw invalidMode(path);
    const isLink = has(mode, goModes.symlink);
    if (linkname.includes("\0") || (isLink && linkname === "")) throw invalidLink(path);
  }

  async #data(id: number, data: Uint8Array): Promise<void> {
    const file = this.#awaited.get(id);
    if (file === undefined) throw invalidArgument(`file ${id} of the build context was not asked for`);
    const mode = permissions(file.mode);
    const isMade = (mode & ~creatable) === 0;
    file.open ??= this.#create(file, isMade ? mode : 0o600);
    const { fd, hash } = file.open;
    if (data.length > 0) {
      hash?.update(data);
      for (let at = 0; at < data.length; ) at += writeSync(fd, data, at);
      return;
    }
    const seconds = Number(file.modTime / 1000n) / 1e6;
    if (!isMade) fchmodSync(fd, mode);
    futimesSync(fd, seconds, seconds);
    file.open = undefined;
    closeSync(fd);
    this.#lists.list.overwrite(file.tail, arrivedTail(hash?.digest()));
    await this.#awaited.done(id);
  }

  #create(file: Awaited, mode: number): NonNullable<Awaited["open"]> {
    try {
      const fd = openSync(join(this.#directory, file.path), "wx", mode);
      return { fd, hash: this.#target.hash ? new Bun.CryptoHasher("sha256") : undefined };
    } catch (error) {
      throw errnoOf(error) === "ENAMETOOLONG" ? tooLong(file.path, error) : error;
    }
  }

  #changes(): void {
    if (this.#changed) return;
    this.#changed = true;
    this.#target.onChange?.();
  }

  /** Removes what the client no longer has, makes further names, and gives the directories their times. */
  finish(): FileList {
    if (!this.#isOver) throw invalidArgument("the build context is cut off");
    this.#lists.end((path) => this.#remove(path));
    const { known } = this.#target;
    if (!this.#changed && known !== undefined) return known;
    const { list } = this.#lists;
    list.flush();
    completeTree(this.#directory, list);
    this.#isWhole = true;
    return list;
  }

  [Symbol.dispose](): void {
    this.#awaited[Symbol.dispose]();
    if (!this.#isWhole) this.#lists.made?.[Symbol.dispose]();
  }
}
