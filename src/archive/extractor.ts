import { writeSync } from "node:fs";
import { errnoOf, invalidArgument } from "../base/errors.ts";
import {
  chmodAt,
  chmodFd,
  chownAt,
  chownFd,
  closeFd,
  fileTypes,
  linkAt,
  makeDevice,
  makeDirectoryAt,
  makeNodeAt,
  openAt,
  openFlags,
  setTimesAt,
  setTimesFd,
  statusAt,
  symlinkAt,
} from "../linux/file-at.ts";
import { creatable } from "../linux/umask.ts";
import { type IdMaps, idOutside } from "../linux/user-namespace.ts";
import { pathAt, setXattr, setXattrFd } from "../linux/xattr.ts";
import { type ByteString, toText } from "./byte-string.ts";
import { DirectoryTimes } from "./directory-times.ts";
import {
  defaultAccessList,
  ExtractRoot,
  isWhiteout,
  normalisePath,
  type Place,
  setGroupId,
} from "./extract-root.ts";
import type { TarEntry } from "./tar-entry.ts";
import { isOverlayXattr, opaqueValue, opaqueXattr, parseWhiteout, type Whiteout } from "./whiteout.ts";

export interface ExtractOptions {
  /** `overlay`: names that start with `.wh.` become overlay's whiteouts. `plain`: they are files like others. */
  whiteouts: "overlay" | "plain";
  /** The directory is empty, root's, and without a default access list or a set-group-ID bit. */
  freshRoot?: boolean;
  /** Whether device nodes may be made; an archive that has one is refused otherwise. */
  devices: boolean;
  /** Everything goes below a directory of the root that is there; links still lead no further than to the root. */
  into?: ExtractInto;
  /** Whose ids the archive has, where they are not the host's. */
  ids?: IdMaps | undefined;
}

export interface ExtractInto {
  /** From the root. */
  path: ByteString;
  /** A directory in the place of something else is an error, and so is the contrary. */
  keepKinds: boolean;
  /** Owns all that is extracted, instead of who the archive says. */
  owner?: { uid: number; gid: number };
}

export interface Extracted {
  /** Bytes of all regular files. */
  bytes: number;
  entries: number;
}

const isDirectory = (mode: number) => (mode & fileTypes.mask) === fileTypes.directory;

/**
 * Makes files of the entries of an archive, below one directory, with owner, mode, times and extended attributes.
 * Synchronous: it runs in a Worker. An entry that is there already is replaced, as the last one of a name counts in a
 * tar.
 */
export class Extractor implements Disposable {
  readonly #root: ExtractRoot;
  readonly #options: ExtractOptions;
  /** Set at the end, since making files in a directory changes its time. */
  readonly #directoryTimes: DirectoryTimes;
  /** `isMade`: it has its owner and its permissions from the beginning. */
  #file: { fd: number; entry: TarEntry; isMade: boolean } | undefined;
  #bytes = 0;
  #entries = 0;
  /** False as soon as the archive has a directory that may hand on a group, or an access list, to what is made in it. */
  #hasPlainFolders = true;
  readonly #isRoot = process.getuid?.() === 0 && process.getgid?.() === 0;

  constructor(directory: string, options: ExtractOptions) {
    this.#root = new ExtractRoot(directory);
    this.#options = options;
    this.#directoryTimes = new DirectoryTimes(directory);
  }

  /** Starts an entry; the content of a file follows by `data`, and `end` closes it. */
  entry(given: TarEntry): void {
    this.#entries++;
    const { into } = this.#options;
    // The directory itself stays as it is.
    if (into && normalisePath(given.name) === "") return;
    const moved = into ? movedInto(into, given) : given;
    const entry = this.#options.ids ? ownedOutside(this.#options.ids, moved) : moved;
    const place = this.#root.locate(entry.name, true);
    const whiteout = this.#options.whiteouts === "overlay" ? parseWhiteout(place.base) : undefined;
    if (whiteout) this.#whiteout(whiteout, place);
    else if (place.path === "") this.#applyToRoot(entry, place);
    else this.#make(entry, place);
  }

  data(bytes: Uint8Array): void {
    // Content of a whiteout (it should have none) goes nowhere.
    if (!this.#file) return;
    this.#bytes += bytes.length;
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file.fd, bytes, at, bytes.length - at);
  }

  end(): void {
    if (!this.#file) return;
    const { fd, entry, isMade } = this.#file;
    if (!isMade) {
      // In this order: a change of owner clears set-uid bits and capabilities.
      chownFd(fd, entry.uid, entry.gid);
      chmodFd(fd, entry.mode);
    }
    for (const [key, value] of xattrsOf(entry)) tolerant(() => setXattrFd(fd, key, value));
    setTimesFd(fd, entry.mtime);
    this.#file = undefined;
    closeFd(fd);
  }

  /** To be called once after the last entry. */
  finish(): Extracted {
    for (const [path, mtime] of this.#directoryTimes.all()) {
      const place = this.#root.find(path);
      // Something else may have taken its place.
      const status = place && statusAt(place.dir, place.base);
      if (place && status && isDirectory(status.mode)) setTimesAt(place.dir, place.base, mtime);
    }
    return { bytes: this.#bytes, entries: this.#entries };
  }

  #make(entry: TarEntry, place: Place): void {
    // Nearly all names are new: nobody looks first.
    if (this.#tryCreate(entry, place)) return;
    const existing = statusAt(place.dir, place.base);
    let wasDeleted = false;
    if (existing && this.#options.into?.keepKinds) refuseOtherKind(existing.mode, entry);
    if (existing && !(isDirectory(existing.mode) && entry.type === "directory")) {
      wasDeleted = isWhiteout(existing) && this.#options.whiteouts === "overlay";
      this.#root.remove(place);
      Object.assign(place, this.#root.locate(place.path, true));
    }
    this.#create(entry, place, existing !== undefined && isDirectory(existing.mode));
    if (wasDeleted && entry.type === "directory") setOpaque(place);
  }

  #tryCreate(entry: TarEntry, place: Place): boolean {
    try {
      this.#create(entry, place, false);
      return true;
    } catch (error) {
      if (errnoOf(error) === "EEXIST") return false;
      throw error;
    }
  }

  #create(entry: TarEntry, place: Place, exists: boolean): void {
    const { dir, base } = place;
    switch (entry.type) {
      case "file": {
        const flags = openFlags.writeOnly | openFlags.create | openFlags.exclusive | openFlags.noFollow;
        const isMade = (entry.mode & ~creatable) === 0 && !this.#mustChown(entry, place);
        this.#file = { fd: openAt(dir, base, flags, isMade ? entry.mode : 0o600), entry, isMade };
        return;
      }
      case "directory":
        if (!exists) makeDirectoryAt(dir, base, 0o700);
        this.#directoryTimes.set(place.path, entry.mtime);
        break;
      case "hardlink":
        // The inode is the target's, and so is everything that it has.
        this.#link(entry, place);
        return;
      case "symlink":
        symlinkAt(entry.linkname, dir, base);
        break;
      case "fifo":
        makeNodeAt(dir, base, fileTypes.fifo, 0o600);
        break;
      default:
        this.#makeDevice(entry, place);
    }
    this.#applyAttributes(entry, place);
  }

  #applyAttributes(entry: TarEntry, place: Place): void {
    const { dir, base } = place;
    if (this.#mustChown(entry, place)) chownAt(dir, base, entry.uid, entry.gid);
    if (entry.type !== "symlink") chmodAt(dir, base, entry.mode);
    for (const [key, value] of xattrsOf(entry)) tolerant(() => setXattr(pathAt(dir, base), key, value));
    if (entry.type !== "directory") setTimesAt(dir, base, entry.mtime);
    else if (entry.gid !== 0 || (entry.mode & setGroupId) !== 0 || entry.xattrs.has(defaultAccessList)) {
      this.#hasPlainFolders = false;
    }
  }

  /** What is made belongs to root already, and has the permissions that it is made with, unless its directory decides. */
  #mustChown({ uid, gid }: TarEntry, place: Place): boolean {
    if (uid !== 0 || gid !== 0 || !this.#isRoot || !this.#hasPlainFolders) return true;
    return this.#options.freshRoot !== true && this.#root.handsOn(place);
  }

  #link(entry: TarEntry, place: Place): void {
    const target = this.#root.locate(entry.linkname, false);
    if (target.path === place.path)
      throw invalidArgument(`invalid archive: ${JSON.stringify(entry.name)} links to itself`);
    // Finding the target may have closed the directory of the place.
    const again = this.#root.locate(place.path, true);
    linkAt(target.dir, target.base, again.dir, again.base);
  }

  #makeDevice(entry: TarEntry, place: Place): void {
    if (!this.#options.devices) {
      throw invalidArgument(
        `invalid archive: ${JSON.stringify(entry.name)} is a device, which is not allowed here`,
      );
    }
    const type = entry.type === "char" ? fileTypes.character : fileTypes.block;
    makeNodeAt(place.dir, place.base, type, 0o600, makeDevice(entry.devMajor, entry.devMinor));
  }

  #whiteout(whiteout: Whiteout, place: Place): void {
    if (whiteout.kind === "ignore") return;
    if (whiteout.kind === "opaque") {
      const slash = place.path.lastIndexOf("/");
      setOpaque(this.#root.locate(place.path.slice(0, Math.max(0, slash)), true));
      return;
    }
    const { name } = whiteout;
    if (name === "" || name === "." || name === "..")
      throw invalidArgument(`invalid archive: whiteout of ${JSON.stringify(name)}`);
    const existing = statusAt(place.dir, name);
    if (!existing) makeNodeAt(place.dir, name, fileTypes.character, 0, 0n);
    // This layer itself has the name: only what the layers below have of it goes.
    else if (isDirectory(existing.mode)) setOpaque({ ...place, base: name });
  }

  #applyToRoot(entry: TarEntry, place: Place): void {
    if (entry.type !== "directory") throw invalidArgument("invalid archive: its root is not a directory");
    this.#applyAttributes(entry, place);
    this.#directoryTimes.set("", entry.mtime);
  }

  [Symbol.dispose](): void {
    if (this.#file) closeFd(this.#file.fd);
    this.#directoryTimes[Symbol.dispose]();
    this.#root[Symbol.dispose]();
  }
}

/** The entry with the host's ids. Throws `invalidArgument` for an owner that is nobody there. */
function ownedOutside({ uids, gids }: IdMaps, entry: TarEntry): TarEntry {
  const uid = idOutside(uids, entry.uid);
  const gid = idOutside(gids, entry.gid);
  if (uid !== undefined && gid !== undefined) return { ...entry, uid, gid };
  throw invalidArgument(
    `${toText(entry.name)}: Container ID ${uid === undefined ? entry.uid : entry.gid} cannot be mapped to a host ID`,
  );
}

function movedInto({ path, owner }: ExtractInto, entry: TarEntry): TarEntry {
  const below = (name: ByteString) => `${path}/${normalisePath(name)}`;
  return {
    ...entry,
    ...owner,
    name: below(entry.name),
    linkname: entry.type === "hardlink" ? below(entry.linkname) : entry.linkname,
  };
}

function refuseOtherKind(existingMode: number, { name, type }: TarEntry): void {
  if (isDirectory(existingMode) === (type === "directory")) return;
  const quoted = JSON.stringify(toText(name.replace(/^\/*/, "/")));
  throw invalidArgument(
    type === "directory"
      ? `cannot overwrite non-directory ${quoted} with directory`
      : `cannot overwrite directory ${quoted} with non-directory`,
  );
}

function setOpaque(place: Place): void {
  setXattr(pathAt(place.dir, place.base), opaqueXattr, opaqueValue);
}

function xattrsOf(entry: TarEntry): [ByteString, Uint8Array][] {
  return entry.xattrs.size === 0 ? [] : [...entry.xattrs].filter(([key]) => !isOverlayXattr(key));
}

/**
 * A file system without this kind of attribute, or a kind of file that cannot have it, does not make a layer unusable.
 */
function tolerant(set: () => void): void {
  try {
    set();
  } catch (error) {
    const code = errnoOf(error);
    if (code !== "ENOTSUP" && code !== "EOPNOTSUPP" && code !== "EPERM") throw error;
  }
}
