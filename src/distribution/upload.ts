import { sleep } from "../base/async.ts";
import { cancelled, isEngineError, messageOf } from "../base/errors.ts";
import type { BlobStore } from "../images/blobs.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { finishUpload, startUpload } from "./registry-client.push.ts";
import type { RegistryClient } from "./registry-client.ts";
import { RegistryError } from "./registry-error.ts";
import type { RegistryTransport } from "./transport.ts";

export interface UploadContext {
  transport: RegistryTransport;
  client: RegistryClient;
  blobs: BlobStore;
  signal: AbortSignal;
}

/** How a blob came to be in the registry. */
export type UploadOutcome = { kind: "there" } | { kind: "mounted"; from: string } | { kind: "pushed" };

export interface UploadEvents {
  onProgress?: (sent: number) => void;
  onRetry?: (seconds: number) => void;
}

/**
 * Makes sure that the registry has the blob: it may be there, or in the repository `mountFrom`; else it is sent,
 * again from its start after a failure.
 */
export async function uploadBlob(
  context: UploadContext,
  blob: Descriptor,
  mountFrom: string | undefined,
  events: UploadEvents = {},
): Promise<UploadOutcome> {
  const { client, signal, transport } = context;
  for (let failed = 0; ; ) {
    try {
      if (await client.hasBlob(blob.digest, signal)) return { kind: "there" };
      return await mountOrSend(context, blob, mountFrom, events.onProgress ?? (() => {}));
    } catch (error) {
      if (signal.aborted) throw cancelled("context canceled", error);
      const delay = transport.retryDelays[failed];
      if (!isTemporary(error, failed) || delay === undefined) throw error;
      failed++;
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
  // A token may have ended while the blob was being sent: once more, with a new one.
  return error.temporary || (error.status === 401 && failed === 0);
}

async function mountOrSend(
  context: UploadContext,
  blob: Descriptor,
  mountFrom: string | undefined,
  onProgress: (sent: number) => void,
): Promise<UploadOutcome> {
  const { client, signal } = context;
  const mount = mountFrom === undefined ? undefined : { digest: blob.digest, from: mountFrom };
  const location = await startUpload(client, mount, signal);
  if (location === undefined) return { kind: "mounted", from: mountFrom ?? "" };
  const counted = countBytes(context.blobs.stream(blob.digest), onProgress);
  await finishUpload(client, location, blob, counted, signal);
  return { kind: "pushed" };
}

function countBytes(
  source: ReadableStream<Uint8Array>,
  onProgress: (sent: number) => void,
): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  let sent = 0;
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
