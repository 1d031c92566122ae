import { type FSWatcher, statSync, watch } from "node:fs";
import { dirname } from "node:path";
import { type LogFile, listLogFiles, logBlock, type NamedLogFile, openLogFile } from "./log-files.ts";

/** What is read at once where little is expected: a follower keeps that much memory. */
const shortBlock = 16 * 1024;
/** So much tells one file from another: it holds the time of its first line. */
const beginningLength = 512;
/** Looks again after so long in any case: some file systems tell of no changes. */
const longestWait = 1000;

/** Reads a log's file as it grows, and those that come after it. */
export class LogFollower {
  #path: string;
  #file: LogFile | undefined;
  /** The first file is its caller's to close. */
  #borrowed: LogFile | undefined;
  #signal: AbortSignal | undefined;
  #ended = false;
  #wake = Promise.withResolvers<void>();

  constructor(
    path: string,
    file: LogFile | undefined,
    ended: Promise<unknown>,
    signal: AbortSignal | undefined,
  ) {
    this.#path = path;
    this.#file = this.#borrowed = file;
    this.#signal = signal;
    const stop = () => {
      this.#ended = true;
      this.#wake.resolve();
    };
    ended.then(stop, stop);
    signal?.addEventListener("abort", stop, { once: true });
  }

  /** What is in the file from `position` on, then what comes, until the end was told and all was read. */
  async *chunks(position: number): AsyncGenerator<Buffer> {
    const watcher = this.#watch();
    let length = logBlock;
    try {
      for (;;) {
        // Asked before reading: what is written before the end is told is read after it.
        const ended = this.#ended;
        this.#wake = Promise.withResolvers<void>();
        if (this.#signal?.aborted) return;
        const bytes = await this.#file?.read(position, length);
        if (bytes && bytes.length > 0) {
          length = bytes.length < length ? shortBlock : logBlock;
          position += bytes.length;
          yield bytes;
          continue;
        }
        const next = await this.#moveOn(position);
        if (next === "moved") position = 0;
        else if (next === "again") continue;
        else if (ended) return;
        else if (!this.#ended) await this.#wait();
      }
    } finally {
      watcher?.close();
      if (this.#file !== this.#borrowed) await this.#file?.[Symbol.asyncDispose]();
    }
  }

  #watch(): FSWatcher | undefined {
    try {
      const watcher = watch(dirname(this.#path), () => this.#wake.resolve());
      watcher.on("error", () => watcher.close()); // then the timer alone wakes
      return watcher;
    } catch {
      return undefined; // no more watches to be had: the timer alone wakes
    }
  }

  async #wait(): Promise<void> {
    const timer = setTimeout(() => this.#wake.resolve(), longestWait);
    await this.#wake.promise;
    clearTimeout(timer);
  }

  /**
   * Goes on to the next file when the one that was read to `position` has been set aside: `moved`. `again` when it has
   * grown before that, or when files are being renamed; `none` when it is still the current one.
   */
  async #moveOn(position: number): Promise<"moved" | "again" | "none"> {
    const old = this.#file;
    const current = statSync(this.#path, { throwIfNoEntry: false });
    if (!current || current.ino === old?.inode) return "none";
    if (old && (await old.size()) > position) return "again";
    const next = await this.#successor(old);
    if (!next) return "again";
    if (old !== this.#borrowed) await old?.[Symbol.asyncDispose]();
    this.#file = next;
    return "moved";
  }

  /** The file that was begun after `old`. Undefined when files are renamed meanwhile: then one looks again. */
  async #successor(old: LogFile | undefined): Promise<LogFile | undefined> {
    const files = listLogFiles(this.#path);
    const next = files[old ? (await this.#indexOf(old, files)) + 1 : 0];
    const file = next && (await openLogFile(next.path));
    if (!file || file.inode === next.inode) return file;
    await file[Symbol.asyncDispose]();
    return undefined;
  }

  /** Where `old` stands in `files`; -1 when it is older than all. One that was compressed is found by its beginning. */
  async #indexOf(old: LogFile, files: readonly NamedLogFile[]): Promise<number> {
    const index = files.findIndex(({ inode }) => inode === old.inode);
    if (index >= 0) return index;
    const beginning = Buffer.from(await old.read(0, beginningLength));
    for (const [at, { path }] of files.entries()) {
      if (!path.endsWith(".gz")) continue;
      await using file = (await openLogFile(path)) ?? null;
      if (file && beginning.equals(await file.read(0, beginningLength))) return at;
    }
    return -1;
  }
}
