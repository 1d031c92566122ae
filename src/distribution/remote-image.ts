import { invalidArgument, notFound } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import { digestLike } from "../oci/digester.ts";
import { type ImageConfig, maxImageConfigSize, parseImageConfig } from "../oci/image-config.ts";
import { type Descriptor, isIndex, type Manifest, parseManifestOrIndex } from "../oci/manifest.ts";
import { isImageConfigType, isIndexType, isManifestType } from "../oci/media-types.ts";
import { formatPlatform, type Platform, selectPlatform } from "../oci/platform.ts";
import type { Reference } from "../oci/reference.ts";
import type { Credentials } from "./credentials.ts";
import type { RegistryClient } from "./registry-client.ts";
import { readBounded } from "./registry-error.ts";
import { Repository } from "./repository.ts";
import type { RegistryTransport } from "./transport.ts";

/** An index within an index within an index: nobody makes deeper ones. */
const maxDepth = 3;

/** What a registry says of an image for one platform. Nothing of it is stored. */
export async function remoteImage(
  transport: RegistryTransport,
  request: { reference: Reference; platform: Platform; credentials: Credentials; signal: AbortSignal },
): Promise<{ digest: Digest; manifest: Manifest; config: ImageConfig }> {
  const { reference, platform, credentials, signal } = request;
  const repository = await Repository.open(transport, reference, { credentials, access: "pull" });
  return repository.first(async (client) => {
    const top = await client.manifest(reference.digest ?? reference.tag ?? "latest", signal);
    let document = parseManifestOrIndex(top.bytes, top.mediaType);
    for (let depth = 0; isIndex(document); depth++) {
      const usable = document.manifests.filter(
        ({ mediaType }) => isManifestType(mediaType) || isIndexType(mediaType),
      );
      const chosen = selectPlatform(usable, platform);
      if (chosen === undefined || depth > maxDepth) {
        throw notFound(`no matching manifest for ${formatPlatform(platform)} in the manifest list entries`);
      }
      const next = await client.manifest(chosen.digest, signal);
      document = parseManifestOrIndex(next.bytes, next.mediaType);
    }
    if (!isImageConfigType(document.config.mediaType)) {
      throw invalidArgument(`${document.config.mediaType} is no image's configuration`);
    }
    const config = await smallBlob(client, document.config, maxImageConfigSize, signal);
    return { digest: top.digest, manifest: document, config: parseImageConfig(config) };
  });
}

/** A blob of at most `limit` bytes, verified. */
export async function smallBlob(
  client: RegistryClient,
  { digest, size }: Descriptor,
  limit: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (size > limit) throw invalidArgument(`blob ${digest} of ${size} bytes is too large`);
  const { stream } = await client.blob(digest, 0, signal);
  const bytes = await readBounded(new Response(stream), limit);
  if (digestLike(digest, bytes) !== digest) throw invalidArgument(`blob does not have its digest: ${digest}`);
  return bytes;
}
