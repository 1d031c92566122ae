import { createHash, type Hash } from "node:crypto";
import { posix } from "node:path";
import { errnoOf, invalidArgument, isEngineError } from "../base/errors.ts";
import { PathPatterns } from "../base/path-patterns.ts";
import {
  chmodAt,
  chownAt,
  closeFd,
  fileTypes,
  makeDirectoryAt,
  openAt,
  openFlags,
  readLinkAt,
  setTimesAt,
  statusAt,
} from "../linux/file-at.ts";
import { openArchive } from "./archive-source.ts";
import { type ByteString, fromText, toText } from "./byte-string.ts";
import { CopySelection, type CopySource, isDirectory, type Selected } from "./copy-source.ts";
import { ExtractRoot } from "./extract-root.ts";
import { Extractor } from "./extractor.ts";
import { parseFileMode } from "./file-mode.ts";
import { KnownContents } from "./known-contents.ts";
import { TarDecoder, type TarEvent } from "./tar-decoder.ts";
import type { TarEntry } from "./tar-entry.ts";
import { blockSize } from "./tar-header.ts";
import { TreeReader } from "./tree-reader.ts";
import { unpack } from "./unpack.ts";

export interface Owner {
  uid: number;
  gid: number;
}

/** A selection with what is left out of it and what becomes of its owners; can be cloned to a Worker. */
export interface CopyFrom extends CopySource {
  /** Patterns of paths, from each copied directory, that are left out (`COPY --exclude`). */
  exclude: readonly string[];
  /** Instead of the owners that the files have. */
  owner?: Owner;
  /** As chmod(1) takes it. */
  mode?: string;
  /** A file that is an archive is unpacked into the target (`ADD`). */
  unpack?: boolean;
  /**
   * The path of a `FileList` of the root: the digest is made of what that has, where it has it, and of no look into the
   * files. Those have no extended attributes. When it is not there, it changes just now.
   */
  contents?: string;
}

export interface CopyJob {
  from: CopyFrom;
  /** The mounted root file system that is copied into. */
  root: string;
  /** From the root. With a slash at its end it is a directory, as when more than one file is copied. */
  target: string;
}

/** Copies as `COPY` does. Synchronous, for a Worker. Throws `notFound`, `invalidArgument`. */
export function copyInto({ from, root, target }: CopyJob): void {
  using selection = new CopySelection(from);
  using tree = new TargetTree(root, from.owner, parentMode(from));
  selection.each((selected) => {
    if (from.unpack && unpackInto(selected, tree, root, target, from)) return;
    const { folder, name } = tree.place(selected, target, from);
    using extractor = new Extractor(root, {
      whiteouts: "plain",
      devices: true,
      into: { path: folder, keepKinds: true },
    });
    for (const event of events(selected, name, from)) {
      if (event.kind === "entry") extractor.entry(event.entry);
      else if (event.kind === "data") extractor.data(event.bytes);
      else extractor.end();
    }
    extractor.finish();
    // The root of a source has no time that means anything.
    if (name === "" && selected.place.path !== "") tree.date(folder, selected.status.mtime);
  });
}

/** Unpacks a file that is an archive, compressed or not; false for what is none. */
function unpackInto(
  { place, status }: Selected,
  tree: TargetTree,
  root: string,
  target: string,
  from: CopyFrom,
): boolean {
  if ((status.mode & fileTypes.mask) !== fileTypes.file || status.size < blockSize / 8) return false;
  const fd = openAt(place.dir, place.base, openFlags.readOnly | openFlags.noFollow);
  try {
    const path = `/proc/self/fd/${fd}`;
    if (!isArchive(path)) return false;
    const folder = fromText(target.replace(/^\/+|\/+$/g, ""));
    tree.make(folder);
    const owner = from.owner && (from.owner.uid !== 0 || from.owner.gid !== 0) ? { owner: from.owner } : {};
    const into = { path: folder, keepKinds: true, ...owner };
    unpack({
      sources: [path],
      programs: true,
      directory: root,
      options: { whiteouts: "plain", devices: true, into },
    });
    return true;
  } finally {
    closeFd(fd);
  }
}

/** Whether a tar begins in the file. */
function isArchive(path: string): boolean {
  try {
    using source = openArchive([path], { programs: true });
    const decoder = new TarDecoder();
    for (const chunk of source.chunks()) {
      for (const event of decoder.push(chunk.subarray(0, blockSize * 4)))
        if (event.kind === "entry") return true;
      return false;
    }
    return false;
  } catch (error) {
    // What cannot be read as an archive is a file like others.
    if (isEngineError(error, "invalidArgument")) return false;
    throw error;
  }
}

/**
 * What of the files is content: names, kinds, modes, owners, bytes, extended attributes; not times. Two selections with
 * the same digest are copied to the same result. Synchronous, for a Worker.
 */
export function digestSelection(from: CopyFrom): string {
  const all = createHash("sha256");
  using selection = new CopySelection(from);
  using contents = new KnownContents(from.contents);
  selection.each((selected) => {
    const digestOf = (name: ByteString) => contents.digestOf(pathInRoot(selected, name));
    const isKnown = (name: ByteString) => digestOf(name) !== undefined;
    let content: Hash | string | undefined;
    let print = "";
    for (const event of events(selected, selected.name, from, isKnown)) {
      if (event.kind === "entry") {
        print = fingerprint(event.entry);
        content = event.entry.size > 0 ? digestOf(event.entry.name) : undefined;
      } else if (event.kind === "end") {
        all.update(print + (typeof content === "object" ? content.digest("hex") : (content ?? "")));
      } else {
        if (typeof content !== "object") content = createHash("sha256");
        content.update(event.bytes);
      }
    }
  });
  return all.digest("hex");
}

/** The path from the root of the source of what is called `name` in the archive. */
function pathInRoot({ place, name: top }: Selected, name: ByteString): string {
  const below = name.slice(top.length).replace(/^\/+|\/+$/g, "");
  if (below === "") return toText(place.path);
  return toText(place.path === "" ? below : `${place.path}/${below}`);
}

function fingerprint(entry: TarEntry): string {
  const xattrs = [...entry.xattrs].map(([key, value]) => [key, Buffer.from(value).toString("base64")]).sort();
  const { name, type, size, mode, uid, gid, linkname, devMajor, devMinor } = entry;
  return JSON.stringify([name, type, size, mode, uid, gid, linkname, devMajor, devMinor, xattrs]);
}

/** What is copied as an archive would have it, owners, modes and exclusions applied. `isKnown`: see `TreeOptions`. */
function* events(
  { place }: Selected,
  name: ByteString,
  from: CopyFrom,
  isKnown?: (name: ByteString) => boolean,
): Generator<TarEvent> {
  const reader = new TreeReader(isKnown && { isKnown });
  const excluded = from.exclude.length === 0 ? undefined : new PathPatterns(from.exclude);
  const mode = from.mode === undefined ? undefined : parseFileMode(from.mode);
  let skipping = false;
  for (const event of reader.named(place.dir, place.base, name)) {
    if (event.kind !== "entry") {
      if (!skipping) yield event;
      continue;
    }
    const { entry } = event;
    skipping = excluded?.matches(toText(relativeTo(name, entry.name))) ?? false;
    if (skipping) continue;
    const changed =
      mode && entry.type !== "symlink" ? mode(entry.mode, entry.type === "directory") : entry.mode;
    yield { kind: "entry", entry: { ...entry, ...from.owner, mode: changed } };
  }
}

/** `path` from the directory that is copied; a single file is matched by its name. */
function relativeTo(name: ByteString, path: ByteString): ByteString {
  const clean = path.replace(/^\/+|\/+$/g, "");
  if (name === "" || clean === name) return clean;
  return clean.startsWith(`${name}/`) ? clean.slice(name.length + 1) : clean;
}

/**
 * Of directories on the way to the target: as BuildKit makes them, what an octal mode says of permissions goes for them,
 * too, less what a usual umask takes. Those that `--parents` brings along are as ever.
 */
function parentMode({ mode, parents }: CopyFrom): number {
  const isOctal = mode !== undefined && /^[0-7]+$/.test(mode);
  return isOctal && !parents ? Number.parseInt(mode, 8) & 0o755 : 0o755;
}

const maxLinks = 255;

/** The directories that things are copied into: made where they are missing. */
class TargetTree implements Disposable {
  readonly #root: ExtractRoot;
  readonly #owner: Owner;
  readonly #mode: number;

  /** `mode`: of directories that are made. */
  constructor(root: string, owner: Owner = { uid: 0, gid: 0 }, mode = 0o755) {
    this.#mode = mode;
    this.#root = new ExtractRoot(root);
    this.#owner = owner;
  }

  /** Where a selected thing goes: a directory that is there from now on, and its name in it. */
  place(selected: Selected, target: string, from: CopyFrom): { folder: ByteString; name: ByteString } {
    const path = this.#followed(fromText(target.replace(/^\/+|\/+$/g, "")));
    if (isDirectory(selected.status) && selected.name === "") {
      // Its content is copied, and not the directory itself.
      this.make(path);
      return { folder: path, name: "" };
    }
    const intoDirectory = target.endsWith("/") || from.parents || this.#isDirectory(path);
    const file = intoDirectory ? `${path}/${selected.name}` : path;
    const slash = file.lastIndexOf("/");
    const folder = file.slice(0, Math.max(0, slash));
    this.make(folder);
    return { folder, name: file.slice(slash + 1) };
  }

  /** Where the links at the end of a path lead, within the root: to nothing, too. */
  #followed(path: ByteString): ByteString {
    let at = path;
    for (let links = 0; links < maxLinks; links++) {
      const target = this.#linkAt(at);
      if (target === undefined) return at;
      const folder = target.startsWith("/") ? "" : at.slice(0, Math.max(0, at.lastIndexOf("/")));
      at = posix.resolve(`/${folder}`, target).slice(1);
    }
    throw invalidArgument(`too many links: /${toText(path)}`);
  }

  #linkAt(path: ByteString): ByteString | undefined {
    if (path === "") return undefined;
    try {
      const { dir, base } = this.#root.locate(path, false);
      const status = statusAt(dir, base);
      const isLink = status !== undefined && (status.mode & fileTypes.mask) === fileTypes.symlink;
      return isLink ? readLinkAt(dir, base) : undefined;
    } catch (error) {
      // Nothing of it is there yet.
      if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
      throw error;
    }
  }

  #isDirectory(path: ByteString): boolean {
    if (path === "") return true;
    try {
      // As a component of a path, so that a link to a directory is one.
      this.#root.locate(`${path}/.x`, false);
      return true;
    } catch (error) {
      if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return false;
      throw error;
    }
  }

  /** Makes a directory with its parents, where they are missing; they are the owner's. */
  make(path: ByteString): void {
    const parts = path.split("/").filter((part) => part !== "");
    for (let length = 1; length <= parts.length; length++) {
      const prefix = parts.slice(0, length).join("/");
      const { dir, base } = this.#root.locate(prefix, false);
      const existing = statusAt(dir, base);
      if (existing === undefined) {
        makeDirectoryAt(dir, base, 0o700);
        chownAt(dir, base, this.#owner.uid, this.#owner.gid);
        chmodAt(dir, base, this.#mode);
      } else if (!isDirectory(existing) && !this.#isDirectory(prefix)) {
        throw invalidArgument(`cannot copy to non-directory: /${toText(prefix)}`);
      }
    }
  }

  /** Gives a directory that is there a time: it has that of the directory whose content was copied into it. */
  date(path: ByteString, mtime: bigint): void {
    if (path === "") return;
    // As a component of a path, so that a link to a directory is followed.
    const { dir } = this.#root.locate(`${path}/.x`, false);
    setTimesAt(dir, ".", mtime - (mtime % 1_000_000_000n));
  }

  [Symbol.dispose](): void {
    this.#root[Symbol.dispose]();
  }
}

/** Makes a directory in a root file system, as `WORKDIR` does. Synchronous, for a Worker. */
export function makeDirectoryIn({ root, path, owner }: { root: string; path: string; owner: Owner }): void {
  using tree = new TargetTree(root, owner);
  tree.make(fromText(path));
}
