import { internal, isEngineError } from "../base/errors.ts";
import { shortId } from "../base/ids.ts";
import type { BlobStore } from "../images/blobs.ts";
import type { LayerStore } from "../images/layers.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { fetchBlob } from "./fetch-blob.ts";
import { layerProgress, layerStatus, ProgressMeter, type ProgressSink } from "./progress.ts";
import type { RegistryClient } from "./registry-client.ts";
import type { Repository } from "./repository.ts";
import type { RegistryTransport } from "./transport.ts";

/** What the blobs and layers of one image are pulled with. */
export interface PullContext {
  transport: RegistryTransport;
  repository: Repository;
  blobs: BlobStore;
  layers: LayerStore;
  progress: ProgressSink;
  signal: AbortSignal;
  /** Fires `signal`. */
  abort: () => void;
}

/** Runs the parts of one pull to their end: the first failure stops the others, and is thrown when all have stopped. */
export async function together(context: PullContext, parts: readonly Promise<unknown>[]): Promise<void> {
  const failures: unknown[] = [];
  const stop = (error: unknown) => {
    failures.push(error);
    context.abort();
  };
  await Promise.all(parts.map((part) => part.catch(stop)));
  if (failures.length > 0) throw failures[0];
}

interface DownloadEvents {
  onProgress?: (offset: number) => void;
  onWait?: () => void;
  onRetry?: (seconds: number) => void;
}

/**
 * Brings one blob into the store, together with whoever else is at it. Bytes that do not have the digest are fetched
 * once more when a part of them was from an earlier attempt, and from the next endpoint when there is one.
 * Throws `internal` with `mismatch` as its message when that does not help.
 */
export async function downloadBlob(
  context: PullContext,
  blob: Descriptor,
  mismatch: string,
  events: DownloadEvents = {},
): Promise<void> {
  const { transport, repository, signal } = context;
  const onProgress = events.onProgress ?? (() => {});
  for (let mayRetry = true; ; ) {
    let source: RegistryClient | undefined;
    let resumed = false;
    let own = false;
    try {
      await context.blobs.ingest(
        { digest: blob.digest, size: blob.size },
        async (writer) => {
          own = true;
          resumed = writer.offset > 0;
          const onSource = (client: RegistryClient) => {
            source = client;
          };
          const { onRetry } = events;
          await withSlot(transport, events.onWait, () =>
            fetchBlob(
              transport,
              repository,
              writer,
              writer.signal,
              onRetry ? { onSource, onRetry } : { onSource },
            ),
          );
        },
        { signal, onProgress },
      );
      return;
    } catch (error) {
      if (signal.aborted) throw error;
      const wrong = isEngineError(error, "invalidArgument");
      const another = wrong && source !== undefined && repository.drop(source);
      // Somebody else's attempt failed, perhaps for its own reasons; or an old part spoilt the whole: once more, by ourselves.
      if (!another && !(mayRetry && (!own || (wrong && resumed)))) {
        throw wrong ? internal(mismatch, error) : error;
      }
      mayRetry = another && mayRetry;
    }
  }
}

/** Runs `task` when one of the places for downloads is free; `onWait` is called when none is at once. */
async function withSlot(
  transport: RegistryTransport,
  onWait: (() => void) | undefined,
  task: () => Promise<void>,
): Promise<void> {
  let started = false;
  const running = transport.downloads.run(() => {
    started = true;
    return task();
  });
  if (!started) onWait?.();
  await running;
}

/**
 * Downloads one layer and unpacks it, while it arrives where the store can. `diffIds` are the layers that the blob is to become,
 * mostly one. Reports every step as Docker does.
 */
export async function pullLayer(
  context: PullContext,
  blob: Descriptor,
  diffIds: Promise<readonly Digest[]>,
): Promise<void> {
  const { progress } = context;
  const id = shortId(blob.digest);
  const extraction = new Extraction(context, blob, id);
  const download = new Download(context, blob, id);
  // A failure of an unpacking that began early is looked at below, when the blob is known to be right.
  const early = Promise.all([diffIds, download.nearEnd])
    .then(([ids]) => extraction.run(ids, download))
    .then(
      () => true,
      () => false,
    );
  if (await download.run()) progress(layerStatus(id, "Download complete"));
  extraction.show();
  // What was read early may have been replaced since: only the whole blob decides.
  if (!(await early)) await extraction.run(await diffIds, download);
  progress(layerStatus(id, "Pull complete"));
}

/** The way of one blob into the store. */
class Download {
  readonly #context: PullContext;
  readonly #blob: Descriptor;
  readonly #id: string;
  readonly #nearEnd = Promise.withResolvers<void>();
  readonly #done = Promise.withResolvers<void>();
  #offset = 0;

  constructor(context: PullContext, blob: Descriptor, id: string) {
    this.#context = context;
    this.#blob = blob;
    this.#id = id;
  }

  /** Resolves when it is time to unpack. */
  get nearEnd(): Promise<void> {
    return this.#nearEnd.promise;
  }

  /** Resolves when the blob can be read: while it is coming, or when it is there, but not in the moment in between, in which it is verified. */
  readable(): Promise<void> {
    return this.#offset < this.#blob.size ? Promise.resolve() : this.#done.promise;
  }

  /** False when there was nothing to do. */
  async run(): Promise<boolean> {
    const missing = !this.#context.blobs.has(this.#blob.digest);
    try {
      if (missing) await this.#fetch();
    } finally {
      this.#offset = this.#blob.size;
      this.#nearEnd.resolve();
      this.#done.resolve();
    }
    return missing;
  }

  #fetch(): Promise<void> {
    const { digest, size } = this.#blob;
    const id = this.#id;
    const { progress } = this.#context;
    const meter = new ProgressMeter(size, (current) => {
      progress(layerProgress(id, "Downloading", current, size));
      if (current === size) progress(layerStatus(id, "Verifying Checksum"));
    });
    const pace = new Pace(size);
    const mismatch = `filesystem layer verification failed for digest ${digest}`;
    return downloadBlob(this.#context, this.#blob, mismatch, {
      onProgress: (offset) => {
        this.#offset = offset;
        meter.update(offset);
        if (pace.nearEnd(offset)) this.#nearEnd.resolve();
      },
      onWait: () => progress(layerStatus(id, "Waiting")),
      onRetry: (seconds) =>
        progress(layerStatus(id, `Retrying in ${seconds} second${seconds === 1 ? "" : "s"}`)),
    });
  }
}

/** Compressed bytes that can surely be unpacked in a second. */
const unpackRate = 64 * 1024 * 1024;

/**
 * Says when to begin to unpack what is still arriving: so late that the unpacking has no need to wait for the network, since it holds one of
 * few threads, and so early that both end together.
 */
class Pace {
  readonly #size: number;
  #startedAt: number | undefined;
  #startOffset = 0;

  constructor(size: number) {
    this.#size = size;
  }

  nearEnd(offset: number): boolean {
    const now = performance.now();
    if (this.#startedAt === undefined) {
      this.#startedAt = now;
      this.#startOffset = offset;
    }
    const seconds = (now - this.#startedAt) / 1000;
    const arrived = offset - this.#startOffset;
    return (this.#size - offset) * seconds <= arrived * (this.#size / unpackRate);
  }
}

/** Unpacks one blob, and tells how far it is once it may be shown, which is after the download. */
class Extraction {
  readonly #context: PullContext;
  readonly #blob: Descriptor;
  readonly #meter: ProgressMeter;
  #shown = false;
  #consumed = 0;

  constructor(context: PullContext, blob: Descriptor, id: string) {
    this.#context = context;
    this.#blob = blob;
    this.#meter = new ProgressMeter(blob.size, (current) =>
      context.progress(layerProgress(id, "Extracting", current, blob.size)),
    );
  }

  async run(diffIds: readonly Digest[], download: Download): Promise<void> {
    const { layers } = this.#context;
    for (const diffId of new Set(diffIds)) {
      await download.readable();
      if (layers.has(diffId)) continue;
      await this.#unpack(diffId);
    }
    this.#update(this.#blob.size);
  }

  async #unpack(diffId: Digest): Promise<void> {
    const { layers, signal } = this.#context;
    const { digest: blob, mediaType } = this.#blob;
    const onProgress = (consumed: number) => this.#update(consumed);
    try {
      await layers.unpack({ diffId, blob, mediaType, signal, onProgress });
    } catch (error) {
      if (!isEngineError(error, "invalidArgument")) throw error;
      throw internal(`failed to register layer: ${error.message}`, error);
    }
  }

  #update(consumed: number): void {
    this.#consumed = consumed;
    if (this.#shown) this.#meter.update(consumed);
  }

  show(): void {
    this.#shown = true;
    if (this.#consumed > 0) this.#meter.update(this.#consumed);
  }
}
