import { createHash } from "node:crypto";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { RunMount } from "../dockerfile/run-mount.ts";
import type { Trash } from "../images/trash.ts";
import { importMount } from "./remote-cache/import-mount.ts";
import type { StepContext } from "./step-context.ts";

/** The folder of a mount, by what names it: the same on every machine. */
export function cacheMountName({ id, target }: Pick<RunMount, "id" | "target">): string {
  return createHash("sha256")
    .update(id ?? target ?? "")
    .digest("hex")
    .slice(0, 32);
}

export interface TakenCache {
  directory: string;
  release(): void;
}

/**
 * The folders of `RUN --mount=type=cache`, below `build/mounts` of the data root: one for each id, and further ones
 * where it is `private` and in use.
 */
export class CacheMounts {
  readonly folder: string;
  /** How many steps have a folder, by its name. */
  readonly #users = new Map<string, number>();
  readonly #waiting = new Map<string, (() => void)[]>();
  readonly #trash: Trash;

  constructor(dataRoot: string, trash: Trash) {
    this.folder = join(dataRoot, "build", "mounts");
    this.#trash = trash;
  }

  /** A folder for a step; `locked` waits until nobody has it. */
  async take(context: StepContext, mount: RunMount): Promise<TakenCache> {
    const name = await this.#reserve(cacheMountName(mount), mount.sharing, context.signal);
    const directory = join(this.folder, name);
    try {
      if (!existsSync(directory)) await this.#make(context, mount, name);
    } catch (error) {
      this.#release(name);
      throw error;
    }
    return { directory, release: () => this.#release(name) };
  }

  /** The folder of that name, once no step has it, until it is released; undefined where there is none. */
  async hold(name: string, signal: AbortSignal): Promise<TakenCache | undefined> {
    await this.#reserve(name, "locked", signal);
    let isHeld = true;
    const release = () => {
      if (isHeld) this.#release(name);
      isHeld = false;
    };
    const directory = join(this.folder, name);
    if (existsSync(directory)) return { directory, release };
    release();
    return undefined;
  }

  /** The names of the folders. */
  list(): string[] {
    return existsSync(this.folder) ? readdirSync(this.folder) : [];
  }

  /** Moves a folder to the trash, unless a step has it by now. */
  discard(name: string): void {
    if (!this.isUsed(name)) this.#trash.take(join(this.folder, name));
  }

  /** True while a step has the folder. */
  isUsed(name: string): boolean {
    return this.#users.has(name);
  }

  async #reserve(id: string, sharing: RunMount["sharing"], signal: AbortSignal): Promise<string> {
    let name = id;
    for (let further = 1; sharing === "private" && this.#users.has(name); further++)
      name = `${id}-${further}`;
    while (sharing === "locked" && this.#users.has(name)) {
      signal.throwIfAborted();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), resolve]);
      signal.addEventListener("abort", () => resolve(), { once: true });
      await promise;
    }
    this.#users.set(name, (this.#users.get(name) ?? 0) + 1);
    return name;
  }

  #release(name: string): void {
    const users = (this.#users.get(name) ?? 1) - 1;
    if (users > 0) this.#users.set(name, users);
    else this.#users.delete(name);
    const waiting = this.#waiting.get(name) ?? [];
    this.#waiting.delete(name);
    for (const resolve of waiting) resolve();
  }

  /** A new folder, with the content that `from` and `source` name. */
  async #make(context: StepContext, { from, source, mode, uid, gid }: RunMount, name: string): Promise<void> {
    const directory = join(this.folder, name);
    mkdirSync(this.folder, { recursive: true });
    const isFilled = await importMount(context, name, directory);
    if (!isFilled) mkdirSync(directory, { recursive: true });
    if (!isFilled && from !== undefined) {
      const root = await (await context.source(from)).directory();
      const job = {
        from: { root, paths: [source ?? "/"], parents: false, exclude: [] },
        root: directory,
        target: "/",
      };
      await context.deps.workers.run("copy", job, { signal: context.signal });
    }
    chownSync(directory, uid ?? 0, gid ?? 0);
    chmodSync(directory, mode ?? 0o755);
  }
}
