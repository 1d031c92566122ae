import { internal, isEngineError, messageOf } from "../base/errors.ts";
import { shortId } from "../base/ids.ts";
import { tracer } from "../base/trace.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { downloadBlob } from "./download-blob.ts";
import { layerProgress, layerStatus, ProgressMeter } from "./progress.ts";
import type { PullContext } from "./pull-context.ts";

/**
 * Downloads one layer and unpacks it, while it arrives where the store can. `diffIds` are the layers that the blob is
 * to become, mostly one. Reports every step as Docker does.
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

  /**
   * Resolves when the blob can be read: while it is coming, or when it is there, but not in the moment in between, in
   * which it is verified.
   */
  readable(): Promise<void> {
    return this.#offset < this.#blob.size ? Promise.resolve() : this.#done.promise;
  }

  /** False when there was nothing to do. */
  async run(): Promise<boolean> {
    const missing = !this.#context.blobs.has(this.#blob.digest);
    try {
      if (missing) await tracer.span("layer.download", () => this.#fetch());
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
 * Says when to begin to unpack what is still arriving: so late that the unpacking has no need to wait for the network,
 * since it holds one of few threads, and so early that both end together.
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
    const { digest: blob } = this.#blob;
    const onProgress = (consumed: number) => this.#update(consumed);
    try {
      await tracer.span("layer.unpack", () => layers.unpack({ diffId, blob, signal, onProgress }));
    } catch (error) {
      if (isEngineError(error, "cancelled")) throw error;
      throw internal(`failed to register layer: ${messageOf(error)}`, error);
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
