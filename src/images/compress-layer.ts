import { rmSync } from "node:fs";
import type { DiskWorkers } from "../archive/disk-workers.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { mediaTypes } from "../oci/media-types.ts";
import type { BlobStore, Lease } from "./blobs.ts";
import { compressionOf } from "./layer-type.ts";

const compressedTypes: ReadonlyMap<string, string> = new Map([
  [mediaTypes.ociLayer, mediaTypes.ociLayerGzip],
  [mediaTypes.dockerLayer, mediaTypes.dockerLayerGzip],
]);

/** Whether the layer is a plain tar: by its type, which may be wrong, and by its first bytes. */
export function isPlain(blobs: BlobStore, { mediaType, digest }: Descriptor): boolean {
  if (!compressedTypes.has(mediaType) || !blobs.has(digest)) return false;
  return compressionOf(blobs, digest) === "none";
}

/** The gzipped form of a plain layer. It is made once, kept by `lease` and then as long as the layer. */
export async function compressLayer(
  { blobs, workers }: { blobs: BlobStore; workers: DiskWorkers },
  plain: Descriptor,
  lease: Lease,
  signal: AbortSignal,
): Promise<Descriptor> {
  const mediaType = compressedTypes.get(plain.mediaType) ?? plain.mediaType;
  const known = blobs.compressedOf(plain.digest);
  if (known !== undefined) {
    lease.add(known.digest);
    return { ...plain, mediaType, digest: known.digest, size: known.size };
  }
  const output = blobs.temporaryPath();
  try {
    const made = await workers.run("gzip", { path: blobs.path(plain.digest), output }, { signal });
    lease.add(made.digest);
    blobs.adopt(output, made);
    blobs.setCompressed(plain.digest, made);
    return { ...plain, mediaType, ...made };
  } catch (error) {
    rmSync(output, { force: true });
    throw error;
  }
}
