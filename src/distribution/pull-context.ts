import { isEngineError } from "../base/errors.ts";
import type { BlobStore } from "../images/blobs.ts";
import type { LayerStore } from "../images/layers.ts";
import type { ProgressSink } from "./progress.ts";
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
  // That some were stopped is not why, unless somebody asked for it.
  const why = failures.find((error) => !isEngineError(error, "cancelled"));
  if (failures.length > 0) throw why ?? failures[0];
}
