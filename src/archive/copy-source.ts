import { errnoOf, notFound } from "../base/errors.ts";
import { pathGlob } from "../base/glob.ts";
import {
  closeFd,
  type FileStatus,
  fileTypes,
  openAt,
  openFlags,
  readLinkAt,
  statusAt,
} from "../linux/file-at.ts";
import { type ByteString, fromText, toText } from "./byte-string.ts";
import { ExtractRoot, namesIn, type Place } from "./extract-root.ts";

/** What is copied: paths below a directory, as `COPY` names them. */
export interface CopySource {
  /** The directory that the paths are looked up in; nothing outside of it is ever reached. */
  root: string;
  /** Paths, `*`, `?` and `[…]` allowed in each component. */
  paths: readonly string[];
  /** Keep the folders of the paths, from `/./` on where a path has it (`COPY --parents`). */
  parents: boolean;
}

/** One file or directory that is copied. `name`: how it is called below the target; "" when its content is meant. */
export interface Selected {
  place: Place;
  status: FileStatus;
  name: ByteString;
}

const maxLinks = 40;
const isSymlink = (status: FileStatus) => (status.mode & fileTypes.mask) === fileTypes.symlink;
export const isDirectory = (status: Pick<FileStatus, "mode">) =>
  (status.mode & fileTypes.mask) === fileTypes.directory;

/** Looks up the paths of `COPY`; symbolic links are followed within the root. Throws `notFound`: `"/x": not found`. */
export class CopySelection implements Disposable {
  readonly #source: CopySource;
  readonly #root: ExtractRoot;

  constructor(source: CopySource) {
    this.#source = source;
    this.#root = new ExtractRoot(source.root);
  }

  /** Calls `use` for each: what it gets is open only until the next. */
  each(use: (selected: Selected) => void): void {
    for (const path of this.#source.paths) {
      const plain = path.replace(/^\/+/, "");
      const pivot = this.#source.parents ? plain.indexOf("/./") : -1;
      const above = pivot < 0 ? 0 : depth(plain.slice(0, pivot));
      for (const found of this.#match(plain)) this.#use(found, above, path, use);
    }
  }

  /** `above`: how many folders of the path `COPY --parents` leaves out. */
  #use(found: ByteString, above: number, path: string, use: (selected: Selected) => void): void {
    const { place, status } = this.#follow(found, path);
    const names = found.split("/").filter((part) => part !== "" && part !== ".");
    if (this.#source.parents) {
      use({ place, status, name: names.slice(above).join("/") });
      return;
    }
    use({ place, status, name: isDirectory(status) ? "" : (names.at(-1) ?? "") });
  }

  /** The paths that a pattern stands for: itself where it has no wildcard. */
  #match(path: string): ByteString[] {
    if (!/[*?[]/.test(path)) return [fromText(path)];
    let found: ByteString[] = [""];
    for (const part of path.split("/")) {
      if (part === "" || part === ".") continue;
      found = found.flatMap((folder) => this.#children(folder, part));
    }
    return found;
  }

  #children(folder: ByteString, part: string): ByteString[] {
    const join = (name: ByteString) => (folder === "" ? name : `${folder}/${name}`);
    if (!/[*?[\\]/.test(part)) {
      const path = join(fromText(part));
      return this.#exists(path) ? [path] : [];
    }
    const pattern = pathGlob(part);
    return this.#names(folder)
      .filter((name) => pattern.test(toText(name)))
      .sort()
      .map(join);
  }

  #names(folder: ByteString): ByteString[] {
    const { place, status } = this.#follow(folder, toText(folder));
    if (!isDirectory(status)) return [];
    const fd = openAt(place.dir, place.base, openFlags.readOnly | openFlags.directory);
    try {
      return namesIn(fd);
    } finally {
      closeFd(fd);
    }
  }

  #exists(path: ByteString): boolean {
    try {
      const place = this.#root.locate(path, false);
      return statusAt(place.dir, place.base) !== undefined;
    } catch (error) {
      if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return false;
      throw error;
    }
  }

  #follow(path: ByteString, written: string): { place: Place; status: FileStatus } {
    let at = path;
    for (let links = 0; links < maxLinks; links++) {
      const place = this.#locate(at, written);
      const status = statusAt(place.dir, place.base);
      if (status === undefined) throw missing(written);
      if (!isSymlink(status)) return { place, status };
      const target = readLinkAt(place.dir, place.base);
      const slash = place.path.lastIndexOf("/");
      at = target.startsWith("/") ? target : clamp(`${place.path.slice(0, Math.max(0, slash))}/${target}`);
    }
    throw missing(written);
  }

  #locate(path: ByteString, written: string): Place {
    try {
      return this.#root.locate(clamp(path), false);
    } catch (error) {
      if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") throw missing(written);
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#root[Symbol.dispose]();
  }
}

/** `..` above the root stays at the root, as the kernel has it in a root directory. */
function clamp(path: ByteString): ByteString {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return parts.join("/");
}

const depth = (path: string) => clamp(path).split("/").length;
const missing = (path: string) => notFound(`"/${clamp(path)}": not found`);
