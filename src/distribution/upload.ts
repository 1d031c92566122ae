import { sleep } from "../base/async.ts";
import { cancelled, isEngineError, messageOf } from "../base/errors.ts";
import type { BlobStore } from "../images/blobs.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { bringBack } from "./bring-back.ts";
import type { Credentials } from "./credentials.ts";
import {
  appendUpload,
  askUpload,
  finishUpload,
  startUpload,
  type UploadLocation,
} from "./registry-client.push.ts";
import type { RegistryClient } from "./registry-client.ts";
import { RegistryError } from "./registry-error.ts";
import type { RegistryTransport } from "./transport.ts";

export interface UploadContext {
  transport: RegistryTransport;
  client: RegistryClient;
  blobs: BlobStore;
  /** Of the registry that is pushed to. */
  credentials: { domain: string; credentials: Credentials };
  signal: AbortSignal;
  /** The bytes from `offset` on, of what is not in `blobs`. */
  open?: (offset: number) => ReadableStream<Uint8Array>;
}

/** How a blob came to be in the registry. */
export type UploadOutcome = { kind: "there" } | { kind: "mounted"; from: string } | { kind: "pushed" };

export interface UploadEvents {
  onProgress?: (sent: number) => void;
  onRetry?: (seconds: number) => void;
}

/**
 * Makes sure that the registry has the blob: it may be there, or in the repository `mountFrom`; else it is sent. After a
 * failure the upload goes on with what the registry has of it, where the registry can do that. Only attempts in a row
 * that did not move it on count as failed.
 */
export async function uploadBlob(
  context: UploadContext,
  blob: Descriptor,
  mountFrom: string | undefined,
  events: UploadEvents = {},
): Promise<UploadOutcome> {
  const { signal, transport } = context;
  const upload = new Upload(context, blob, events.onProgress ?? (() => {}));
  for (let failed = 0, moved = 0; ; ) {
    try {
      return await upload.attempt(mountFrom);
    } catch (error) {
      if (signal.aborted) throw cancelled("context canceled", error);
      failed = upload.offset > moved ? 1 : failed + 1;
      moved = Math.max(moved, upload.offset);
      const delay = transport.retryDelays[failed - 1];
      if (!isTemporary(error, failed) || delay === undefined) throw error;
      transport.log.info("upload failed", { digest: blob.digest, error: messageOf(error) });
      for (let left = delay; left > 0; left -= 1000) {
        events.onRetry?.(Math.ceil(left / 1000));
        await sleep(Math.min(left, 1000), signal);
      }
    }
  }
}

function isTemporary(error: unknown, failed: number): boolean {
  if (!(error instanceof RegistryError)) return isEngineError(error, "unavailable");
  // 401: a token may have ended while the blob was being sent; once more, with a new one. 416: the end of the part that
  // was cut had still been on its way when the registry told how much it has.
  return error.temporary || error.status === 416 || (error.status === 401 && failed === 1);
}

/** One blob on its way to the registry. */
class Upload {
  readonly #context: UploadContext;
  readonly #blob: Descriptor;
  readonly #onProgress: (sent: number) => void;
  #location: UploadLocation | undefined;
  /** What the registry was known to have when the last attempt began, in bytes. */
  offset = 0;

  constructor(context: UploadContext, blob: Descriptor, onProgress: (sent: number) => void) {
    this.#context = context;
    this.#blob = blob;
    this.#onProgress = onProgress;
  }

  async attempt(mountFrom: string | undefined): Promise<UploadOutcome> {
    const { client, blobs, signal, open } = this.#context;
    const { digest, size } = this.#blob;
    await this.#resume();
    if (this.#location === undefined) {
      if (await client.hasBlob(digest, signal)) return { kind: "there" };
      const mount = mountFrom === undefined ? undefined : { digest, from: mountFrom };
      this.#location = await startUpload(client, mount, signal);
      if (this.#location === undefined) return { kind: "mounted", from: mountFrom ?? "" };
    }
    if (this.offset < size) {
      if (open === undefined) await bringBack(this.#context, digest);
      const { offset } = this;
      const content = open?.(offset) ?? blobs.stream(digest, offset);
      const body = countBytes(content, offset, this.#onProgress);
      const part = { offset, length: size - offset, body };
      this.#location = await appendUpload(client, this.#location, part, signal);
    }
    await finishUpload(client, this.#location, digest, signal);
    return { kind: "pushed" };
  }

  /** Finds out from where to go on; from the start with a new upload where the registry does not say. */
  async #resume(): Promise<void> {
    if (this.#location === undefined) return;
    const { client, signal } = this.#context;
    const known = await askUpload(client, this.#location, signal);
    const usable = known !== undefined && known.offset <= this.#blob.size;
    this.#location = usable ? known.location : undefined;
    this.offset = usable ? known.offset : 0;
  }
}

function countBytes(
  source: ReadableStream<Uint8Array>,
  from: number,
  onProgress: (sent: number) => void,
): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  let sent = from;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) {
        controller.close();
        return;
      }
      sent += value.byteLength;
      onProgress(sent);
      controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
