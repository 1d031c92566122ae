import { existsSync, mkdirSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { conflict, errnoOf, invalidArgument } from "../base/errors.ts";
import type { RandomBytes } from "../base/ids.ts";
import { unmount } from "../linux/mount.ts";
import { mountsBelow } from "../linux/mountinfo.ts";
import type { VolumeDriver, VolumeFacts } from "./driver.ts";
import { isRemoteType, mountLocal } from "./local-mount.ts";
import type { Volume } from "./volume.ts";

/** The options of the driver `local` (`docker volume create -o …`), as mount(8) takes them. */
export type LocalOptions = Readonly<Record<string, string>>;

const known = ["type", "o", "device", "size"];
/** An option, and those without which it makes no sense. */
const needs: Record<string, readonly string[]> = {
  device: ["type"],
  type: ["device"],
  o: ["device", "type"],
};

/** Throws `invalidArgument` with Docker's words, which begin with `create <name>: `. */
function checkLocalOptions(name: string, options: LocalOptions): void {
  const fail = (why: string) => invalidArgument(`create ${name}: ${why}`);
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) throw fail(`invalid option: ${JSON.stringify(key)}`);
    for (const other of needs[key] ?? []) {
      if (!(other in options)) throw fail(`missing required option: ${JSON.stringify(other)}`);
    }
  }
  if ("size" in options) throw fail("quota size requested but no quota support");
}

/**
 * The driver `local`: a folder of the data root, with a device mounted on it while a container uses the volume, where
 * it has one. What is deleted goes through the trash.
 */
export class LocalDriver implements VolumeDriver {
  readonly name = "local";
  readonly scope = "local";
  readonly #root: string;
  readonly #trash: string;
  readonly #random: RandomBytes;

  /** `root`: the folder of all volumes. */
  constructor({ root, trash, random }: { root: string; trash: string; random: RandomBytes }) {
    this.#root = root;
    this.#trash = trash;
    this.#random = random;
    mkdirSync(root, { recursive: true, mode: 0o701 });
  }

  check(name: string, options: LocalOptions): void {
    checkLocalOptions(name, options);
  }

  async create(name: string): Promise<void> {
    this.#makeFolder(name);
  }

  #makeFolder(name: string): string {
    const folder = localMountpoint(this.#root, name);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    return folder;
  }

  needsMount({ options }: Volume): boolean {
    return "device" in options;
  }

  async mount(volume: Volume, _user: string, first: boolean): Promise<string> {
    const folder = this.#makeFolder(volume.name);
    if (!first) return folder;
    unmountAll(folder);
    await mountLocal(volume.options, folder);
    return folder;
  }

  async unmount(volume: Volume, _user: string, last: boolean): Promise<void> {
    if (last) unmountAll(localMountpoint(this.#root, volume.name));
  }

  async remove(volume: Volume): Promise<() => Promise<void>> {
    if (this.needsMount(volume)) await this.unmount(volume, "", true);
    const folder = join(this.#root, volume.name);
    const mounted = mountsBelow(folder)[0];
    // What is mounted there belongs to somebody: deleting would reach into it.
    if (mounted !== undefined) throw conflict(`volume is in use - something is mounted at ${mounted}`);
    mkdirSync(this.#trash, { recursive: true, mode: 0o700 });
    const target = join(this.#trash, `volume-${Buffer.from(this.#random(12)).toString("hex")}`);
    try {
      renameSync(folder, target);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
    return () => rm(target, { recursive: true, force: true });
  }

  /** Its content is on another host, which may not answer. */
  isRemote({ options }: Volume): boolean {
    return "device" in options && isRemoteType(options.type ?? "");
  }

  /** Its folder is there: a row without one is of a volume that was being made or deleted. */
  has({ name }: Volume): boolean {
    return existsSync(localMountpoint(this.#root, name));
  }

  /** Takes away what is mounted on any volumes but those named. */
  unmountOthers(mounted: ReadonlySet<string>): void {
    const kept = [...mounted].map((name) => `${localMountpoint(this.#root, name)}/`);
    for (const target of mountsBelow(this.#root)) {
      if (target === this.#root || kept.some((folder) => `${target}/`.startsWith(folder))) continue;
      unmount(target, { detach: true });
    }
  }

  async inspect({ name }: Volume): Promise<VolumeFacts> {
    return { mountpoint: localMountpoint(this.#root, name) };
  }
}

/** Also where something was mounted more than once. */
function unmountAll(folder: string): void {
  while (unmount(folder, { detach: true }));
}

/** The content of a volume of the driver `local`. */
function localMountpoint(root: string, name: string): string {
  return join(root, name, "_data");
}
