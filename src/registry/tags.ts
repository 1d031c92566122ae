import { readdir, readFile } from "node:fs/promises";
import { type Digest, isDigest } from "../oci/digest.ts";
import { orMissing, removeFile, syncDirectory, writeWhole } from "./files.ts";
import type { Layout } from "./layout.ts";

/** The tags of repositories: names that point to a manifest and may be moved. */
export class Tags {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** All tags of a repository, sorted by their bytes. */
  async list(name: string): Promise<string[]> {
    return (await orMissing(readdir(this.#layout.tags(name)), [])).sort();
  }

  /** What `tag` points to. */
  async get(name: string, tag: string): Promise<Digest | undefined> {
    const text = await orMissing(readFile(this.#layout.tag(name, tag), "utf8"), undefined);
    if (text === undefined) return undefined;
    if (!isDigest(text)) throw new Error(`tag ${tag} of ${name} does not hold a digest`);
    return text;
  }

  async set(name: string, tag: string, digest: Digest): Promise<void> {
    await writeWhole(this.#layout.tag(name, tag), digest, this.#layout.scratch);
  }

  /** False when there was no such tag. */
  async remove(name: string, tag: string): Promise<boolean> {
    if (!(await removeFile(this.#layout.tag(name, tag)))) return false;
    await syncDirectory(this.#layout.tags(name));
    return true;
  }

  /** Removes every tag that points to `digest`. */
  async removeAllOf(name: string, digest: Digest): Promise<void> {
    for (const tag of await this.list(name)) {
      if ((await this.get(name, tag)) === digest) await this.remove(name, tag);
    }
  }
}
