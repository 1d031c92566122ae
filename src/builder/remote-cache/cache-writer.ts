import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import type { Credentials } from "../../distribution/credentials.ts";
import { registryFailure } from "../../distribution/pull-error.ts";
import { putManifest } from "../../distribution/registry-client.push.ts";
import type { RegistryClient } from "../../distribution/registry-client.ts";
import { RegistryError } from "../../distribution/registry-error.ts";
import { Repository } from "../../distribution/repository.ts";
import type { RegistryTransport } from "../../distribution/transport.ts";
import { uploadBlob } from "../../distribution/upload.ts";
import type { BlobStore } from "../../images/blobs.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import type { Reference } from "../../oci/reference.ts";
import type { ClientContent } from "../session/content-store.ts";

/** Bytes that can be read from anywhere. */
export type Content = (offset: number) => ReadableStream<Uint8Array>;

export const contentOf =
  (bytes: Uint8Array): Content =>
  (offset) =>
    new Blob([new Uint8Array(bytes.subarray(offset))]).stream() as ReadableStream<Uint8Array>;

export const contentOfFile =
  (path: string): Content =>
  (start) =>
    Readable.toWeb(
      createReadStream(path, { start, highWaterMark: 256 * 1024 }),
    ) as ReadableStream<Uint8Array>;

export interface CacheManifest {
  bytes: Uint8Array;
  mediaType: string;
  digest: Digest;
}

/** A place that caches are written to. */
export interface CacheWriter {
  /** True when the place has a blob already. */
  has(digest: Digest, signal: AbortSignal): Promise<boolean>;
  /** Makes sure that the place has a blob. */
  blob(blob: Descriptor, content: Content, signal: AbortSignal): Promise<void>;
  /** What all refers to: the cache is there when this is. */
  manifest(manifest: CacheManifest, signal: AbortSignal): Promise<void>;
}

export interface RegistryWriterOptions {
  transport: RegistryTransport;
  blobs: BlobStore;
  reference: Reference;
  credentials: Credentials;
  /** Another repository of the registry that may have the layers: the image was just pushed there. */
  mountFrom: string | undefined;
  signal: AbortSignal;
}

export class RegistryWriter implements CacheWriter {
  readonly #client: RegistryClient;
  readonly #options: RegistryWriterOptions;

  private constructor(client: RegistryClient, options: RegistryWriterOptions) {
    this.#client = client;
    this.#options = options;
  }

  static async open(options: RegistryWriterOptions): Promise<RegistryWriter> {
    const { transport, reference, credentials, mountFrom, signal } = options;
    const access = "pull,push" as const;
    const mounts = mountFrom === undefined ? [] : [mountFrom];
    const repository = await Repository.open(transport, reference, {
      credentials,
      access,
      mountFrom: mounts,
    });
    const client = await repository.first(async (candidate) => {
      const response = await candidate.send("GET", new URL("/v2/", candidate.endpoint.url), { signal });
      await response.body?.cancel();
      return candidate;
    });
    return new RegistryWriter(client, options);
  }

  has(digest: Digest, signal: AbortSignal): Promise<boolean> {
    return inItsWords(this.#client.hasBlob(digest, signal));
  }

  async blob(blob: Descriptor, open: Content, signal: AbortSignal): Promise<void> {
    const { transport, blobs, reference, mountFrom, credentials } = this.#options;
    const context = {
      transport,
      client: this.#client,
      blobs,
      credentials: { domain: reference.domain, credentials },
      signal,
      open,
    };
    await inItsWords(transport.uploads.run(() => uploadBlob(context, blob, mountFrom)));
  }

  async manifest(manifest: CacheManifest, signal: AbortSignal): Promise<void> {
    const { reference } = this.#options;
    await inItsWords(putManifest(this.#client, reference.tag ?? manifest.digest, manifest, signal));
  }
}

async function inItsWords<T>(task: Promise<T>): Promise<T> {
  try {
    return await task;
  } catch (error) {
    throw error instanceof RegistryError ? registryFailure(error) : error;
  }
}

/** A folder of the client. */
export class ClientWriter implements CacheWriter {
  readonly #content: ClientContent;
  #last: Promise<void> = Promise.resolve();

  constructor(content: ClientContent) {
    this.#content = content;
  }

  async has(): Promise<boolean> {
    // The client says so when it is written.
    return false;
  }

  /** One after another: they all go through the one connection of the session. */
  blob(blob: Descriptor, content: Content, signal: AbortSignal): Promise<void> {
    this.#last = this.#last.then(() => this.#content.write(blob, content, signal));
    return this.#last;
  }

  manifest({ bytes, digest }: CacheManifest, signal: AbortSignal): Promise<void> {
    return this.#content.write({ digest, size: bytes.length }, contentOf(bytes), signal);
  }
}
