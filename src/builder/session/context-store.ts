import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FileStat } from "../../api/buildkit/session.ts";
import type { Logger } from "../../base/log.ts";
import { list, type Message, message, string } from "../../base/protobuf.ts";
import type { Contents, Manifest } from "../../filesync/receive.ts";
import type { Trash } from "../../images/trash.ts";

/** `contents`: of each of the files, in their order; "" where it is not known. */
const Files = message({ files: list(1, FileStat as Message<FileStat>), contents: list(2, string) });

/** A client's folder as it was received, for one build at a time. */
export interface TakenContext extends Disposable {
  directory: string;
  /** Stands for the folder and what was ever sent into it; never the same again after it was removed. */
  id: string;
  /** What is in it, as the client told; empty for a new one. */
  readonly known: Manifest;
  /** Of those files; changes with what comes. */
  readonly contents: Contents;
  /** It is about to differ from `known`: what a crash leaves from now on is not used again. */
  dirty(): void;
  /** It is whole again. */
  keep(files: Manifest): void;
}

/**
 * What clients have sent as build contexts, below `build/contexts` of the data root: one folder for each key, kept from
 * build to build, so that only changes have to be sent. A second build at the same time gets a folder for itself.
 */
export class ContextStore {
  readonly folder: string;
  readonly #taken = new Set<string>();
  readonly #trash: Trash;

  readonly #log: Logger;

  constructor(dataRoot: string, trash: Trash, log: Logger) {
    this.folder = join(dataRoot, "build", "contexts");
    this.#trash = trash;
    this.#log = log;
  }

  /** `keep`: for later builds with the same key. */
  take(key: readonly string[], { keep }: { keep: boolean }): TakenContext {
    const digest = createHash("sha256").update(JSON.stringify(key)).digest("hex").slice(0, 32);
    const isShared = this.#taken.has(digest);
    const name = isShared ? `${digest}-${crypto.randomUUID()}` : digest;
    const path = join(this.folder, name);
    const directory = join(path, "files");
    const manifest = join(path, "manifest");
    const isWhole = existsSync(manifest);
    if (!isWhole) {
      if (existsSync(path)) this.#trash.take(path);
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      writeFileSync(join(path, "id"), crypto.randomUUID());
    }
    this.#taken.add(name);
    const { contents, ...before } = isWhole ? read(manifest) : { known: new Map(), contents: new Map() };
    let known: Manifest = before.known;
    return {
      directory,
      id: readFileSync(join(path, "id"), "utf8"),
      get known() {
        return known;
      },
      contents,
      dirty: () => rmSync(manifest, { force: true }),
      keep(files) {
        known = files;
        writeFileSync(
          `${manifest}.new`,
          Files.encode({
            files: [...files.values()],
            contents: [...files.keys()].map((path) => contents.get(path) ?? ""),
          }),
        );
        renameSync(`${manifest}.new`, manifest);
      },
      [Symbol.dispose]: () => {
        this.#taken.delete(name);
        if (!isShared && keep && existsSync(manifest)) return;
        this.#trash.take(path);
        this.#trash.emptyBehind(this.#log);
      },
    };
  }

  /** The names of the folders. */
  list(): string[] {
    return existsSync(this.folder) ? readdirSync(this.folder) : [];
  }

  /** True while a build has the folder. */
  isUsed(name: string): boolean {
    return this.#taken.has(name);
  }

  /** Moves a folder to the trash, unless a build has it by now. */
  discard(name: string): void {
    if (!this.isUsed(name)) this.#trash.take(join(this.folder, name));
  }
}

function read(path: string): { known: Manifest; contents: Contents } {
  const { files, contents } = Files.decode(readFileSync(path));
  return {
    known: new Map(files.map((stat) => [stat.path, stat])),
    contents: new Map(
      files.flatMap(({ path }, at): [string, string][] => (contents[at] ? [[path, contents[at]]] : [])),
    ),
  };
}
