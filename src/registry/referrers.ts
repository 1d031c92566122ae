import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Digest } from "../oci/digest.ts";
import { compact } from "../oci/json.ts";
import { type Descriptor, type Index, isIndex, type Manifest } from "../oci/manifest.ts";
import { orMissing, removeFile, syncDirectory, writeWhole } from "./files.ts";
import type { Layout } from "./layout.ts";

/** What the referrers API tells of a manifest (distribution-spec, "Listing Referrers"). */
export function referrerDescriptor(document: Manifest | Index, digest: Digest, size: number): Descriptor {
  const fallback = isIndex(document) ? undefined : document.config.mediaType;
  return compact<Descriptor>({
    mediaType: document.mediaType,
    digest,
    size,
    annotations: document.annotations,
    artifactType: document.artifactType || fallback,
    urls: undefined,
    data: undefined,
    platform: undefined,
  });
}

/** Which manifests of a repository name another as their subject: signatures, SBOMs, attestations. */
export class Referrers {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  async add(name: string, subject: Digest, descriptor: Descriptor): Promise<void> {
    const path = this.#layout.referrer(name, subject, descriptor.digest);
    await writeWhole(path, JSON.stringify(descriptor), this.#layout.scratch);
  }

  async remove(name: string, subject: Digest, digest: Digest): Promise<void> {
    if (await removeFile(this.#layout.referrer(name, subject, digest))) {
      await syncDirectory(this.#layout.referrers(name, subject));
    }
  }

  /** The descriptors that refer to `subject`, sorted by digest, those after the digest `after` only. */
  async *list(name: string, subject: Digest, after = ""): AsyncGenerator<Descriptor> {
    const folder = this.#layout.referrers(name, subject);
    for (const file of (await orMissing(readdir(folder), [])).sort()) {
      if (file <= after.replace(":", "-")) continue;
      const text = await orMissing(readFile(join(folder, file), "utf8"), undefined);
      if (text !== undefined) yield JSON.parse(text) as Descriptor;
    }
  }
}
