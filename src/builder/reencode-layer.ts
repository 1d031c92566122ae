import { rmSync } from "node:fs";
import { compressLayer, isPlain } from "../images/compress-layer.ts";
import { layerTypeOf } from "../images/layer-type.ts";
import type { Lease } from "../images/leases.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { type Compression, layerCompression } from "../oci/media-types.ts";
import type { BuilderDeps } from "./deps.ts";

/** How layers are to be compressed that leave the builder. */
export interface LayerForm {
  ociTypes: boolean;
  compression: Compression;
  /** As the format has it; its own where not given. */
  level: number | undefined;
  /** Layers that are compressed in another way are compressed again. */
  force: boolean;
}

export interface Reencoded {
  descriptor: Descriptor;
  /** Where it is, when it is not in the store: whoever asked takes it over, or removes it. */
  file: string | undefined;
}

/** A layer of the store in the form that is asked for. */
export async function reencodeLayer(
  deps: Pick<BuilderDeps, "blobs" | "workers">,
  layer: Descriptor,
  { compression, level, force, ociTypes }: LayerForm,
  { lease, signal }: { lease: Lease; signal: AbortSignal },
): Promise<Reencoded> {
  const { blobs, workers } = deps;
  const typed = ({ digest, size }: Pick<Descriptor, "digest" | "size">, as: Compression, file?: string) => ({
    descriptor: { mediaType: layerTypeOf(as, ociTypes ? "oci" : "docker"), digest, size },
    file,
  });
  const plain = isPlain(blobs, layer);
  if (compression === "gzip" && level === undefined && plain) {
    return typed(await compressLayer(deps, layer, lease, signal), "gzip");
  }
  const is = plain ? "none" : (layerCompression(layer.mediaType) ?? "none");
  if (is === compression || (!plain && !force)) return typed(layer, is);
  const output = blobs.temporaryPath();
  try {
    const ask = { path: blobs.path(layer.digest), output, to: compression, level };
    return typed(await workers.run("recompress", ask, { signal }), compression, output);
  } catch (error) {
    rmSync(output, { force: true });
    throw error;
  }
}
