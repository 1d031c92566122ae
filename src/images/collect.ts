import type { Digest } from "../oci/digest.ts";
import type { BlobDescriptor, BlobStore } from "./blobs.ts";
import type { ImageContent } from "./content.ts";
import type { LayerStore } from "./layers.ts";

export interface Collected {
  /** Bytes of the blobs, and of the files of the layers, that went to the trash. */
  reclaimed: number;
}

export interface CollectedStores {
  blobs: BlobStore;
  layers: LayerStore;
  content: ImageContent;
}

/**
 * Mark and sweep: whatever cannot be reached from `roots` (images, and the images of containers) and is kept by no
 * lease goes to the trash. Synchronous, so that nothing can begin to use what is being swept.
 */
export function collect(roots: Iterable<Digest>, stores: CollectedStores): Collected {
  const { blobs, layers } = stores;
  const garbage = unreachable(roots, stores);
  let reclaimed = 0;
  for (const { digest, size } of garbage.blobs) {
    reclaimed += size;
    blobs.discard(digest);
  }
  for (const diffId of garbage.layers) {
    reclaimed += layers.size(diffId);
    layers.discard(diffId);
  }
  blobs.forgetDropped((diffId) => layers.has(diffId));
  return { reclaimed };
}

/** What neither `roots` nor a lease refers to. Either may name blobs as well as layers. */
export function unreachable(
  roots: Iterable<Digest>,
  { blobs, layers, content }: CollectedStores,
): { blobs: BlobDescriptor[]; layers: Digest[] } {
  const named = [...blobs.leased(), ...roots];
  const [markedBlobs, markedLayers] = [new Set(named), new Set(named)];
  for (const root of named) {
    for (const reached of content.reachable(root)) {
      if ("blob" in reached) markedBlobs.add(reached.blob);
      else markedLayers.add(reached.layer);
    }
  }
  for (const { plain, digest } of blobs.compressed()) if (markedBlobs.has(plain)) markedBlobs.add(digest);
  return {
    blobs: blobs.list().filter(({ digest }) => !markedBlobs.has(digest)),
    layers: layers.list().filter((diffId) => !markedLayers.has(diffId)),
  };
}
