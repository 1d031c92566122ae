import {
  closeSync,
  type Dirent,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
} from "node:fs";
import { join } from "node:path";
import { fromText } from "../../archive/byte-string.ts";
import { gather } from "../../archive/gather.ts";
import { encodeHeader, endOfArchive, padding } from "../../archive/tar-encoder.ts";
import { tarEntry } from "../../archive/tar-entry.ts";
import type { PathPatterns } from "../../base/path-patterns.ts";

/** A file of the archive whose text is given, whether or not there is a file of the name. */
export interface ExtraFile {
  name: string;
  text: Uint8Array;
}

export interface ContextOptions {
  ignored: PathPatterns;
  /** Paths that go along though they are ignored: the Dockerfile. */
  kept: ReadonlySet<string>;
  extra: readonly ExtraFile[];
}

const pieceSize = 256 * 1024;

/**
 * A folder as the tar that a build gets: without what is ignored, and with owner root, for the builder gives owners.
 * Throws where a file cannot be read: to leave it out would build something else.
 */
export async function* contextTar(folder: string, options: ContextOptions): AsyncGenerator<Uint8Array> {
  yield* gather(contextPieces(folder, options));
}

function* contextPieces(folder: string, options: ContextOptions): Generator<Uint8Array> {
  yield* new Walk(folder, options).below("");
  yield* filePieces(options.extra);
}

/** A tar of these files alone. */
export async function* filesTar(files: readonly ExtraFile[]): AsyncGenerator<Uint8Array> {
  yield* filePieces(files);
}

function* filePieces(files: readonly ExtraFile[]): Generator<Uint8Array> {
  for (const { name, text } of files) {
    yield encodeHeader(tarEntry({ name: fromText(name), type: "file", mode: 0o600, size: text.length }));
    yield text;
    yield padding(text.length);
  }
  yield endOfArchive();
}

class Walk {
  readonly #folder: string;
  readonly #options: ContextOptions;
  /** The first name of each file that has several. */
  readonly #links = new Map<string, string>();
  readonly #buffer = Buffer.allocUnsafe(pieceSize);

  constructor(folder: string, options: ContextOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  *below(path: string): Generator<Uint8Array> {
    const entries = readdirSync(join(this.#folder, path), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      yield* this.#entry(path === "" ? entry.name : `${path}/${entry.name}`, entry);
    }
  }

  *#entry(path: string, entry: Dirent): Generator<Uint8Array> {
    const { ignored, kept } = this.#options;
    const left = !kept.has(path) && ignored.matches(path);
    if (entry.isDirectory()) {
      if (left && !ignored.mayKeepBelow(path) && !this.#keepsBelow(path)) return;
      if (!left) yield this.#header(path, lstatSync(join(this.#folder, path)), "directory");
      yield* this.below(path);
    } else if (!left && !this.#options.extra.some(({ name }) => name === path)) {
      yield* this.#file(path, lstatSync(join(this.#folder, path)));
    }
  }

  #keepsBelow(path: string): boolean {
    return [...this.#options.kept].some((name) => name.startsWith(`${path}/`));
  }

  *#file(path: string, status: Stats): Generator<Uint8Array> {
    if (status.isSymbolicLink()) {
      yield this.#header(path, status, "symlink", readlinkSync(join(this.#folder, path)));
      return;
    }
    if (status.isFIFO()) yield this.#header(path, status, "fifo");
    // A socket or a device is no part of a build.
    if (!status.isFile()) return;
    const key = `${status.dev} ${status.ino}`;
    const first = status.nlink > 1 ? this.#links.get(key) : undefined;
    if (first !== undefined) {
      yield this.#header(path, status, "hardlink", first);
      return;
    }
    if (status.nlink > 1) this.#links.set(key, path);
    yield this.#header(path, status, "file");
    yield* this.#content(path, status.size);
  }

  /** Exactly `size` bytes: the header has been sent. Each piece is valid until the next. */
  *#content(path: string, size: number): Generator<Uint8Array> {
    const fd = openSync(join(this.#folder, path), "r");
    try {
      for (let sent = 0; sent < size; ) {
        const length = readSync(fd, this.#buffer, 0, Math.min(size - sent, pieceSize), sent);
        if (length === 0) throw new Error(`archive/tar: missed writing ${size - sent} bytes of ${path}`);
        sent += length;
        yield this.#buffer.subarray(0, length);
      }
    } finally {
      closeSync(fd);
    }
    yield padding(size);
  }

  #header(
    path: string,
    status: Stats,
    type: "directory" | "file" | "symlink" | "hardlink" | "fifo",
    link = "",
  ) {
    return encodeHeader(
      tarEntry({
        name: fromText(type === "directory" ? `${path}/` : path),
        type,
        size: type === "file" ? status.size : 0,
        mode: status.mode & 0o7777,
        mtime: BigInt(Math.trunc(status.mtimeMs)) * 1_000_000n,
        linkname: fromText(link),
      }),
    );
  }
}
