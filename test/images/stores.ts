import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { DiskWorkers } from "../../src/archive/disk-workers.ts";
import { encodeHeader, endOfArchive, padding } from "../../src/archive/tar-encoder.ts";
import { type TarEntry, tarEntry } from "../../src/archive/tar-entry.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { BlobStore } from "../../src/images/blobs.ts";
import { compose } from "../../src/images/compose.ts";
import type { ImageUser } from "../../src/images/image.ts";
import type { ImageEvent } from "../../src/images/image-events.ts";
import { ImageStore } from "../../src/images/images.ts";
import { LayerStore } from "../../src/images/layers.ts";
import { Trash } from "../../src/images/trash.ts";
import { sha256Of } from "../../src/oci/digester.ts";
import type { ImageConfig } from "../../src/oci/image-config.ts";
import type { Descriptor } from "../../src/oci/manifest.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { hostPlatform, type Platform } from "../../src/oci/platform.ts";
import { Database } from "../../src/store/database.ts";
import { imageMigrations } from "../../src/store/images.ts";

/** The stores of one daemon in a folder of their own; opening the same folder again is a restart. */
export class Stores implements AsyncDisposable {
  readonly root: string;
  readonly database: Database;
  readonly workers = new DiskWorkers(2);
  readonly blobs: BlobStore;
  readonly layers: LayerStore;
  readonly images: ImageStore;
  readonly users: ImageUser[] = [];
  readonly events: ImageEvent[] = [];

  constructor(root = mkdtempSync(join(tmpdir(), "longshore-images-")), bootId = "boot-1") {
    this.root = root;
    this.database = Database.open(join(root, "longshore.db"), imageMigrations);
    const { database, workers } = this;
    const trash = new Trash(root, workers);
    this.blobs = new BlobStore({ dataRoot: root, database, trash, clock: systemClock, log: silentLogger });
    const { blobs } = this;
    this.layers = new LayerStore({
      dataRoot: root,
      database,
      blobs,
      workers,
      trash,
      log: silentLogger,
      bootId,
    });
    this.images = new ImageStore({
      database,
      blobs,
      layers: this.layers,
      trash,
      clock: systemClock,
      log: silentLogger,
      inUse: () => this.users,
      onEvent: (event) => this.events.push(event),
    });
    this.blobs.reconcile();
    this.layers.reconcile();
  }

  /** Ends it, and leaves its folder for the next. */
  async close(): Promise<string> {
    await this.blobs.stop();
    await this.layers.stop();
    this.workers[Symbol.dispose]();
    this.database[Symbol.dispose]();
    return this.root;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    rmSync(this.root, { recursive: true, force: true });
  }

  /** Stores blobs and documents of an image with these layers; nothing is unpacked, and it has no name. */
  image(
    layers: readonly Buffer[],
    config: Partial<ImageConfig> = {},
    platform: Platform = hostPlatform(),
  ): Descriptor {
    const descriptors = layers.map((tar): Descriptor => {
      const bytes = gzipSync(tar);
      return { mediaType: mediaTypes.ociLayerGzip, digest: this.blobs.put(bytes), size: bytes.length };
    });
    const diff_ids = layers.map((tar) => sha256Of(tar));
    return compose(this.blobs, {
      config: { ...platform, rootfs: { type: "layers", diff_ids }, ...config },
      layers: descriptors,
    });
  }
}

export type Given = Partial<TarEntry> & Pick<TarEntry, "name" | "type"> & { content?: string | Uint8Array };

/** A tar with these members, in this order. */
export function tarOf(...members: readonly Given[]): Buffer {
  const parts = members.flatMap(({ content = "", ...given }) => {
    const bytes = Buffer.from(content);
    const entry = tarEntry({ ...given, size: bytes.length });
    return [encodeHeader(entry), bytes, padding(bytes.length)];
  });
  return Buffer.concat([...parts, endOfArchive()]);
}

export const file = (name: string, content: string): Given => ({ name, type: "file", content });

/** The pieces of `bytes`, as a request body brings them. */
export async function* pieces(bytes: Uint8Array, size = 10_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}
