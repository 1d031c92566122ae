import { internal, isEngineError } from "../base/errors.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { fetchBlob } from "./fetch-blob.ts";
import type { PullContext } from "./pull-context.ts";
import type { RegistryClient } from "./registry-client.ts";
import type { RegistryTransport } from "./transport.ts";

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
  context: Pick<PullContext, "transport" | "repository" | "blobs" | "signal">,
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
            fetchBlob(transport, repository, writer, writer.signal, {
              onSource,
              ...(onRetry && { onRetry }),
              ...(blob.urls && { urls: blob.urls }),
            }),
          );
        },
        { signal, onProgress },
      );
      return;
    } catch (error) {
      if (signal.aborted) throw error;
      const wrong = isEngineError(error, "invalidArgument");
      const another = wrong && source !== undefined && repository.drop(source);
      // Somebody else's attempt failed, perhaps for its own reasons; or an old part spoilt the whole: once more, by
      // ourselves.
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
