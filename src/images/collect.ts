import type { Digest } from "../oci/digest.ts";
import type { BlobStore } from "./blobs.ts";
import type { ImageContent } from "./content.ts";
import type { LayerStore } from "./layers.ts";

export interface Collected {
  /** Bytes of the blobs, and of the files of the layers, that went to the trash. */
  reclaimed: number;
}

/**
 * Mark and sweep: whatever cannot be reached from `roots` (images, and the images of containers) and is kept by no
 * lease goes to the trash. Synchronous, so that nothing can begin to use what is being swept.
 */
export function collect(
  roots: Iterable<Digest>,
  stores: { blobs: BlobStore; layers: LayerStore; content: ImageContent },
): Collected {
  const { blobs, layers, content } = stores;
  const marked = new Set<Digest>();
  for (const root of [...blobs.leased(), ...roots]) {
    for (const digest of content.reachable(root)) marked.add(digest);
  }
  let reclaimed = 0;
  for (const { digest, size } of blobs.list()) {
    if (marked.has(digest)) continue;
    reclaimed += size;
    blobs.discard(digest);
  }
  for (const diffId of layers.list()) {
    if (marked.has(diffId)) continue;
    reclaimed += layers.size(diffId);
    layers.discard(diffId);
  }
  return { reclaimed };
}
