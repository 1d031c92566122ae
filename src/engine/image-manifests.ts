import type { AttestationStatement, ImageManifestSummary } from "../api/images.ts";
import type { Image } from "../images/image.ts";
import { attestedBy, predicateAnnotation, statementMediaType } from "../oci/attestation.ts";
import type { Digest } from "../oci/digest.ts";
import {
  type Descriptor,
  type Index,
  isIndex,
  type Manifest,
  maxIndexDepth,
  maxManifestSize,
  parseManifestOrIndex,
} from "../oci/manifest.ts";
import { isIndexType } from "../oci/media-types.ts";
import type { Engine } from "./engine.ts";
import { identityOf } from "./image-identity.ts";

/** More than any statement that a build makes. */
const maxStatement = 64 * 1024 * 1024;

function documentOf({ blobs }: Engine, digest: Digest): Manifest | Index | undefined {
  return blobs.has(digest) ? parseManifestOrIndex(blobs.read(digest, maxManifestSize)) : undefined;
}

/** The manifests that `target` names, whether they are here or not, each once. */
function* manifestsOf(
  engine: Engine,
  target: Descriptor,
  seen = new Set<Digest>(),
  depth = 0,
): Generator<Descriptor> {
  if (seen.has(target.digest) || depth > maxIndexDepth) return;
  seen.add(target.digest);
  const document = isIndexType(target.mediaType) ? documentOf(engine, target.digest) : undefined;
  if (document === undefined || !isIndex(document)) yield target;
  else for (const child of document.manifests) yield* manifestsOf(engine, child, seen, depth + 1);
}

/** All manifests of an image, with what of each is here: `docker images --tree`. Sizes in bytes. */
export function manifestSummaries(
  engine: Engine,
  image: Image,
  options: { identity?: boolean } = {},
): ImageManifestSummary[] {
  const { images, layers, blobs, containers } = engine;
  const users = containers.set.all().filter((container) => container.spec.imageId === image.id);
  const variants = new Map(images.variants(image).map((variant) => [variant.digest, variant]));
  const identity = options.identity ? identityOf(engine, image) : undefined;
  return [...manifestsOf(engine, image.target)].map((descriptor) => {
    const variant = variants.get(descriptor.digest);
    const parts = variant ? [variant.manifest.config, ...variant.manifest.layers] : [];
    const digests = new Set([descriptor.digest, ...parts.map(({ digest }) => digest)]);
    const content = [...digests].reduce((sum, digest) => sum + (blobs.size(digest) ?? 0), 0);
    const unpacked = (variant?.config?.rootfs.diff_ids ?? [])
      .filter((layer) => layers.has(layer))
      .reduce((sum, layer) => sum + layers.size(layer), 0);
    const subject = attestedBy(descriptor);
    const platform = descriptor.platform ?? variant?.platform;
    const isImage = subject === undefined && platform !== undefined && platform.os !== "unknown";
    const available = isImage ? variant?.complete : parts.every(({ digest }) => blobs.has(digest));
    return {
      ID: descriptor.digest,
      Descriptor: { ...descriptor, ...(platform && { platform }) },
      Available: variant !== undefined && available === true,
      Size: { Content: content, Total: content + unpacked },
      Kind: isImage ? "image" : subject === undefined ? "unknown" : "attestation",
      ...(isImage && {
        ImageData: {
          Platform: platform,
          ...(identity !== undefined && { Identity: identity }),
          Size: { Unpacked: unpacked },
          Containers: variant?.digest === image.manifestDigest ? users.map(({ id }) => id) : [],
        },
      }),
      ...(subject !== undefined && { AttestationData: { For: subject } }),
    } as ImageManifestSummary;
  });
}

/**
 * `GET /images/{name}/attestations`: the in-toto statements that are here for the platform of `image`, those of
 * `types` only where any are given, with their text when `statement` is set.
 */
export function attestationsOf(
  engine: Engine,
  image: Image,
  options: { types: readonly string[]; statement: boolean },
): AttestationStatement[] {
  return [...manifestsOf(engine, image.target)]
    .filter((descriptor) => attestedBy(descriptor) === image.manifestDigest)
    .flatMap(({ digest }) => {
      const document = documentOf(engine, digest);
      return document === undefined || isIndex(document) ? [] : document.layers;
    })
    .filter(({ mediaType }) => mediaType === statementMediaType)
    .map((layer) => ({ layer, type: layer.annotations?.[predicateAnnotation] ?? "" }))
    .filter(({ type }) => options.types.length === 0 || options.types.includes(type))
    .map(({ layer, type }) => ({
      Descriptor: layer as AttestationStatement["Descriptor"],
      PredicateType: type,
      ...(options.statement && engine.blobs.has(layer.digest) && { Statement: statementOf(engine, layer) }),
    }));
}

function statementOf({ blobs }: Engine, { digest }: Descriptor): unknown {
  return JSON.parse(Buffer.from(blobs.read(digest, maxStatement)).toString());
}
