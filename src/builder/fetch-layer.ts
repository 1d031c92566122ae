import { shortId } from "../base/ids.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { ContentReader } from "./content-reader.ts";
import type { StepContext } from "./step-context.ts";

/** Where a layer is that is known, and may not be here yet. */
export interface ElsewhereLayer {
  diffId: Digest;
  descriptor: Descriptor;
  reader: ContentReader;
}

/** Brings a layer here and unpacks it, kept by the lease. Throws what the place and the unpacking throw. */
export async function fetchLayer(
  context: Pick<StepContext, "deps" | "lease" | "progress" | "signal" | "vertex">,
  { diffId, descriptor, reader }: ElsewhereLayer,
): Promise<void> {
  const { deps, lease, progress, signal, vertex } = context;
  const { digest, size: total } = descriptor;
  const told = (status: string, current: number) =>
    progress.pulling(vertex, { id: shortId(digest), status, progressDetail: { current, total } });
  lease.add(diffId, digest);
  const onProgress = (current: number) => told("Downloading", current);
  if (!deps.blobs.has(digest)) await reader.fetch(descriptor, deps.blobs, { signal, onProgress });
  await deps.layers.unpack({ diffId, blob: digest, signal });
  told("Pull complete", total);
}
