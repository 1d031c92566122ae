import { invalidArgument, messageOf } from "../base/errors.ts";
import { type ImageConfig, maxImageConfigSize, parseImageConfig } from "../oci/image-config.ts";
import { Fields, isObject } from "../oci/json.ts";
import { type Descriptor, maxManifestSize } from "../oci/manifest.ts";
import { mediaTypes } from "../oci/media-types.ts";
import type { BlobStore } from "./blobs.ts";
import { writeManifest } from "./compose.ts";
import { layerType } from "./layer-type.ts";
import type { ArchiveFiles } from "./load-archive.ts";

/** One image of Docker's `manifest.json`. Paths are those of the archive. */
export interface DockerArchiveImage {
  config: string;
  repoTags: string[];
  layers: string[];
}

/** Reads `manifest.json`. Throws `invalidArgument`. */
export function parseDockerManifest(bytes: Uint8Array): DockerArchiveImage[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalidArgument(`invalid manifest.json: ${messageOf(error)}`, error);
  }
  if (!Array.isArray(parsed) || !parsed.every(isObject)) {
    throw invalidArgument("invalid manifest.json: not a list of objects");
  }
  return parsed.map((object) => {
    const fields = new Fields(object, "manifest.json");
    return {
      config: fields.requiredString("Config"),
      repoTags: fields.strings("RepoTags") ?? [],
      layers: fields.strings("Layers") ?? [],
    };
  });
}

/** The manifest.json of an archive, or undefined when it has none. */
export function dockerManifestOf(blobs: BlobStore, files: ArchiveFiles): DockerArchiveImage[] | undefined {
  const file = files.get("manifest.json");
  return file && parseDockerManifest(blobs.read(file.digest, maxManifestSize));
}

/**
 * Makes an image of what `docker save` of Docker before 25 wrote, which has no OCI manifest: one is made, in Docker's
 * types, the same for the same content. Throws `invalidArgument` when parts are missing.
 */
export function fromDockerArchive(
  blobs: BlobStore,
  files: ArchiveFiles,
  image: DockerArchiveImage,
): { target: Descriptor; config: ImageConfig } {
  const file = files.get(image.config);
  if (!file) throw invalidArgument(`invalid archive: ${image.config} is not there`);
  const config = parseImageConfig(blobs.read(file.digest, maxImageConfigSize));
  const layers = image.layers.map((path): Descriptor => {
    const layer = files.get(path);
    if (!layer) throw invalidArgument(`invalid archive: ${path} is not there`);
    // The archive does not say it, and some tools compress.
    return { mediaType: layerType(blobs, layer.digest, "docker"), digest: layer.digest, size: layer.size };
  });
  if (layers.length !== config.rootfs.diff_ids.length) {
    throw invalidArgument(
      `invalid manifest, layers length mismatch: expected ${config.rootfs.diff_ids.length}, got ${layers.length}`,
    );
  }
  const target = writeManifest(blobs, {
    mediaType: mediaTypes.dockerManifest,
    config: { mediaType: mediaTypes.dockerConfig, digest: file.digest, size: file.size },
    layers,
  });
  return { target, config };
}
