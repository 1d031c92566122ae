import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { FileList } from "../../archive/file-list.ts";
import type { Logger } from "../../base/log.ts";
import type { Trash } from "../../images/trash.ts";

/** A client's folder as it was received, for one build at a time. */
export interface TakenContext extends Disposable {
  directory: string;
  /** Stands for the folder and what was ever sent into it; never the same again after it was removed. */
  id: string;
  /** What is in it, as the client told; undefined for a new one. */
  readonly known: FileList | undefined;
  /** Where `known` is kept: nothing is there while it changes. */
  readonly list: string;
  /** The list of what is about to be in it; whoever gets it closes it, or gives it to `keep`. */
  begin(): FileList;
  /** It is about to differ from `known`: what a crash leaves from now on is not used again. */
  dirty(): void;
  /** It is whole again: the list that was begun is `known` from now on. */
  keep(list: FileList): void;
}

export interface ContextStoreOptions {
  dataRoot: string;
  trash: Trash;
  /** /proc/sys/kernel/random/boot_id */
  bootId: string;
  log: Logger;
}

/**
 * What clients have sent as build contexts, below `build/contexts` of the data root: one folder for each key, kept from
 * build to build, so that only changes have to be sent. A second build at the same time gets a folder for itself. Nothing
 * waits for the disk, so what a power failure may have torn is not used again: folders are those of one boot.
 */
export class ContextStore {
  readonly folder: string;
  readonly #taken = new Set<string>();
  readonly #trash: Trash;
  readonly #bootId: string;
  readonly #log: Logger;

  constructor({ dataRoot, trash, bootId, log }: ContextStoreOptions) {
    this.folder = join(dataRoot, "build", "contexts");
    this.#trash = trash;
    this.#bootId = bootId;
    this.#log = log;
  }

  /** `keep`: for later builds with the same key. */
  take(key: readonly string[], { keep }: { keep: boolean }): TakenContext {
    const digest = createHash("sha256").update(JSON.stringify(key)).digest("hex").slice(0, 32);
    const isShared = this.#taken.has(digest);
    const name = isShared ? `${digest}-${crypto.randomUUID()}` : digest;
    const path = join(this.folder, name);
    const directory = join(path, "files");
    const list = join(path, "list");
    const idFile = join(path, "id");
    const kept = existsSync(list) && existsSync(idFile) ? readFileSync(idFile, "utf8") : "";
    const isWhole = kept.startsWith(this.#bootId);
    const id = isWhole ? kept : `${this.#bootId} ${crypto.randomUUID()}`;
    if (!isWhole) {
      if (existsSync(path)) this.#trash.take(path);
      mkdirSync(path, { recursive: true, mode: 0o700 });
      mkdirSync(directory);
      writeFileSync(idFile, id);
    }
    // A step may mount it, and may have a user of its own; on the host its folder is closed to others.
    chmodSync(directory, 0o755);
    this.#taken.add(name);
    const begun = `${list}.new`;
    let known = isWhole ? FileList.open(list) : undefined;
    return {
      directory,
      id,
      list,
      get known() {
        return known;
      },
      begin: () => FileList.create(begun),
      dirty: () => rmSync(list, { force: true }),
      keep(files) {
        renameSync(begun, list);
        known?.[Symbol.dispose]();
        known = files;
      },
      [Symbol.dispose]: () => {
        known?.[Symbol.dispose]();
        this.#taken.delete(name);
        rmSync(begun, { force: true });
        if (!isShared && keep && existsSync(list)) return;
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
