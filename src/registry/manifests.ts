import { open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { KeyedQueue } from "../base/async.ts";
import { isEngineError } from "../base/errors.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { digestLike, sha256Of } from "../oci/digester.ts";
import { type Index, type Manifest, parseManifestOrIndex } from "../oci/manifest.ts";
import { isTag } from "../oci/reference.ts";
import type { Blobs } from "./blobs.ts";
import { RegistryError } from "./errors.ts";
import { orMissing, removeFile, syncDirectory, writeWhole } from "./files.ts";
import type { Layout } from "./layout.ts";
import { checkReferences } from "./manifest-check.ts";
import { type Referrers, referrerDescriptor } from "./referrers.ts";
import type { Tags } from "./tags.ts";

/** Longer than the four media types that a manifest can have. */
const maxTypeLength = 128;

/** A manifest as it was pushed. */
export interface StoredManifest {
  digest: Digest;
  mediaType: string;
  bytes: Uint8Array;
}

/** The manifests and indexes of repositories, with the tags and referrers that hang on them. */
export class Manifests {
  readonly #layout: Layout;
  readonly #blobs: Blobs;
  readonly #tags: Tags;
  readonly #referrers: Referrers;
  /** Pushes and deletions of one repository come one after another, so that no tag points to what is going. */
  readonly #queue = new KeyedQueue();

  constructor(layout: Layout, parts: { blobs: Blobs; tags: Tags; referrers: Referrers }) {
    this.#layout = layout;
    this.#blobs = parts.blobs;
    this.#tags = parts.tags;
    this.#referrers = parts.referrers;
  }

  /** The manifest that a tag or digest names. Throws MANIFEST_UNKNOWN. */
  async get(name: string, reference: string): Promise<StoredManifest> {
    const digest = isDigest(reference) ? reference : await this.#resolve(name, reference);
    const found = digest && (await this.#read(name, digest));
    if (!found) throw manifestUnknown(name, reference);
    return found;
  }

  async #resolve(name: string, tag: string): Promise<Digest | undefined> {
    return isTag(tag) ? this.#tags.get(name, tag) : undefined;
  }

  async #read(name: string, digest: Digest): Promise<StoredManifest | undefined> {
    const file = await orMissing(readFile(this.#layout.manifest(name, digest)), undefined);
    if (!file) return undefined;
    const lineFeed = file.indexOf(0x0a);
    return { digest, mediaType: file.toString("latin1", 0, lineFeed), bytes: file.subarray(lineFeed + 1) };
  }

  /** The size of a manifest, from its file's size and first line: an index may name ten thousand big ones. */
  async #size(name: string, digest: Digest): Promise<number | undefined> {
    const handle = await orMissing(open(this.#layout.manifest(name, digest), "r"), undefined);
    if (!handle) return undefined;
    await using _closed = handle;
    const { size } = await handle.stat();
    const { buffer } = await handle.read(Buffer.alloc(maxTypeLength), 0, maxTypeLength, 0);
    return size - buffer.indexOf(0x0a) - 1;
  }

  /**
   * Stores a manifest or index under its digest, and under a tag when `reference` is one. What it consists of must be
   * there already, its subject need not. Returns its digest, and the subject's when it has one. Throws
   * MANIFEST_INVALID, MANIFEST_BLOB_UNKNOWN, SIZE_INVALID, DIGEST_INVALID.
   */
  async put(name: string, reference: string, bytes: Uint8Array, contentType?: string) {
    const byDigest = isDigest(reference);
    if (!byDigest && !isTag(reference)) throw invalid("invalid tag");
    const digest = byDigest ? digestLike(reference, bytes) : sha256Of(bytes);
    if (byDigest && digest !== reference) {
      throw new RegistryError("DIGEST_INVALID", { details: [{ digest: reference, actual: digest }] });
    }
    const document = parse(bytes, contentType);
    const subject = document.subject?.digest;
    await this.#queue.run(name, async () => {
      await checkReferences(document, {
        blobSize: (wanted) => this.#blobs.size(name, wanted),
        manifestSize: (wanted) => this.#size(name, wanted),
      });
      const file = Buffer.concat([Buffer.from(`${document.mediaType}\n`), bytes]);
      await writeWhole(this.#layout.manifest(name, digest), file, this.#layout.scratch);
      if (subject) {
        await this.#referrers.add(name, subject, referrerDescriptor(document, digest, bytes.byteLength));
      }
      if (!byDigest) await this.#tags.set(name, reference, digest);
    });
    return subject ? { digest, subject } : { digest };
  }

  /** Deletes a tag, or a manifest with all tags that point to it. Throws MANIFEST_UNKNOWN. */
  async remove(name: string, reference: string): Promise<void> {
    await this.#queue.run(name, async () => {
      const gone = isDigest(reference)
        ? await this.#removeManifest(name, reference)
        : isTag(reference) && (await this.#tags.remove(name, reference));
      if (!gone) throw manifestUnknown(name, reference);
    });
  }

  async #removeManifest(name: string, digest: Digest): Promise<boolean> {
    const found = await this.#read(name, digest);
    if (!found) return false;
    await this.#tags.removeAllOf(name, digest);
    const { subject } = parse(found.bytes, found.mediaType);
    if (subject) await this.#referrers.remove(name, subject.digest, digest);
    const path = this.#layout.manifest(name, digest);
    await removeFile(path);
    await syncDirectory(dirname(path));
    return true;
  }
}

function parse(bytes: Uint8Array, contentType?: string): Manifest | Index {
  try {
    return parseManifestOrIndex(bytes, contentType);
  } catch (error) {
    if (isEngineError(error, "invalidArgument")) throw invalid(error.message, error);
    throw error;
  }
}

function invalid(reason: string, cause?: unknown): RegistryError {
  return new RegistryError("MANIFEST_INVALID", { details: [{ reason }], cause });
}

function manifestUnknown(name: string, reference: string): RegistryError {
  return new RegistryError("MANIFEST_UNKNOWN", { details: [{ name, reference }] });
}
