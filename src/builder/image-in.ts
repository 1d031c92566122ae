import { invalidArgument, notFound } from "../base/errors.ts";
import { sha256Of } from "../oci/digester.ts";
import { maxImageConfigSize, parseImageConfig, platformOf } from "../oci/image-config.ts";
import { isIndex, maxIndexDepth, parseManifestOrIndex } from "../oci/manifest.ts";
import { isImageConfigType, isIndexType, isManifestType, layerCompression } from "../oci/media-types.ts";
import { formatPlatform, type Platform, selectPlatform } from "../oci/platform.ts";
import { type ContentReader, readSmall } from "./content-reader.ts";
import type { BaseImage } from "./stage-state.ts";

/**
 * What a place says of its image for one platform. Nothing of it is stored, and its layers stay where they are. Throws
 * `notFound` where there is none for the platform, `invalidArgument` for what is no image.
 */
export async function imageIn(
  reader: ContentReader,
  platform: Platform,
  signal: AbortSignal,
): Promise<BaseImage> {
  const top = await reader.top(signal);
  let document = parseManifestOrIndex(top.bytes, top.mediaType);
  for (let depth = 0; isIndex(document); depth++) {
    const usable = document.manifests.filter(
      ({ mediaType }) => isManifestType(mediaType) || isIndexType(mediaType),
    );
    const chosen = selectPlatform(usable, platform);
    if (chosen === undefined || depth > maxIndexDepth) {
      throw notFound(`no matching manifest for ${formatPlatform(platform)} in the manifest list entries`);
    }
    const next = await reader.document(chosen.digest, signal);
    document = parseManifestOrIndex(next.bytes, next.mediaType);
  }
  if (!isImageConfigType(document.config.mediaType)) {
    throw invalidArgument(`${document.config.mediaType} is no image's configuration`);
  }
  const unknown = document.layers.find(({ mediaType }) => layerCompression(mediaType) === undefined);
  if (unknown !== undefined) throw invalidArgument(`unsupported media type ${unknown.mediaType}`);
  const config = parseImageConfig(await readSmall(reader, document.config, maxImageConfigSize, signal));
  const layers = config.rootfs.diff_ids;
  if (layers.length !== document.layers.length) {
    throw invalidArgument("layers from manifest don't match image configuration");
  }
  return { id: sha256Of(top.bytes), manifest: document, config, layers, platform: platformOf(config) };
}
