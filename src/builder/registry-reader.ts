import { notFound } from "../base/errors.ts";
import type { Credentials } from "../distribution/credentials.ts";
import { downloadBlob } from "../distribution/download-blob.ts";
import { pullError } from "../distribution/pull-error.ts";
import { Repository } from "../distribution/repository.ts";
import type { RegistryTransport } from "../distribution/transport.ts";
import type { BlobStore } from "../images/blobs.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { Reference } from "../oci/reference.ts";
import type { ContentReader, FetchOptions } from "./content-reader.ts";

/** An image or a cache in a registry. */
export class RegistryReader implements ContentReader {
  readonly #transport: RegistryTransport;
  readonly #reference: Reference;
  readonly #credentials: () => Promise<Credentials>;
  #opened: Promise<Repository> | undefined;

  constructor(transport: RegistryTransport, reference: Reference, credentials: () => Promise<Credentials>) {
    this.#transport = transport;
    this.#reference = reference;
    this.#credentials = credentials;
  }

  #repository(): Promise<Repository> {
    this.#opened ??= this.#open();
    return this.#opened;
  }

  async #open(): Promise<Repository> {
    const credentials = await this.#credentials();
    return Repository.open(this.#transport, this.#reference, { credentials, access: "pull" });
  }

  top(signal: AbortSignal) {
    const { digest, tag = "latest" } = this.#reference;
    return this.#manifest(digest ?? tag, signal);
  }

  document(digest: Digest, signal: AbortSignal) {
    return this.#manifest(digest, signal);
  }

  async #manifest(name: string, signal: AbortSignal) {
    try {
      const repository = await this.#repository();
      return await repository.first((client) => client.manifest(name, signal));
    } catch (error) {
      throw pullError(error, this.#reference);
    }
  }

  async *stream({ digest }: Descriptor, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const repository = await this.#repository();
    const { stream } = await repository.first((client) => client.blob(digest, 0, signal));
    yield* stream;
  }

  async fetch(blob: Descriptor, blobs: BlobStore, { signal, onProgress }: FetchOptions): Promise<void> {
    const context = { transport: this.#transport, repository: await this.#repository(), blobs, signal };
    const mismatch = `filesystem layer verification failed for digest ${blob.digest}`;
    await downloadBlob(context, blob, mismatch, { onProgress });
  }
}

/** An image that is here, with a cache in it. */
export class LocalImageReader implements ContentReader {
  readonly #blobs: BlobStore;
  readonly #id: Digest;

  /** `id`: of its manifest or index. */
  constructor(blobs: BlobStore, id: Digest) {
    this.#blobs = blobs;
    this.#id = id;
  }

  top() {
    return this.document(this.#id);
  }

  async document(digest: Digest) {
    return { bytes: this.#blobs.read(digest), mediaType: "" };
  }

  stream({ digest }: Descriptor): AsyncIterable<Uint8Array> {
    return this.#blobs.stream(digest);
  }

  async fetch({ digest }: Descriptor, blobs: BlobStore): Promise<void> {
    // One that was dropped has its layer here, and comes again when it is pushed.
    if (!blobs.has(digest) && blobs.dropped(digest) === undefined)
      throw notFound(`content digest ${digest}: not found`);
  }
}
