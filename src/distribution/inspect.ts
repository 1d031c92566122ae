import { maxImageConfigSize, parseImageConfig, platformOf } from "../oci/image-config.ts";
import { type Descriptor, isIndex, parseManifestOrIndex } from "../oci/manifest.ts";
import { isImageConfigType } from "../oci/media-types.ts";
import type { Platform } from "../oci/platform.ts";
import { type Reference, withDefaultTag } from "../oci/reference.ts";
import type { Credentials } from "./credentials.ts";
import { pullError } from "./pull-error.ts";
import type { RegistryClient } from "./registry-client.ts";
import { readBounded } from "./registry-error.ts";
import { Repository } from "./repository.ts";
import type { RegistryTransport } from "./transport.ts";

export interface RemoteImage {
  descriptor: Descriptor;
  platforms: Platform[];
}

/** What a registry has under a name, without pulling it (`GET /distribution/{name}/json`). Throws as a pull does. */
export async function inspectRemote(
  transport: RegistryTransport,
  reference: Reference,
  credentials: Credentials,
  signal?: AbortSignal,
): Promise<RemoteImage> {
  const named = withDefaultTag(reference);
  try {
    const repository = await Repository.open(transport, named, { credentials, access: "pull" });
    return await repository.first((client) => inspectAt(client, named, signal));
  } catch (error) {
    throw pullError(error, named);
  }
}

async function inspectAt(
  client: RegistryClient,
  reference: Reference,
  signal: AbortSignal | undefined,
): Promise<RemoteImage> {
  const { bytes, mediaType, digest } = await client.manifest(
    reference.digest ?? reference.tag ?? "latest",
    signal,
  );
  const document = parseManifestOrIndex(bytes, mediaType);
  const descriptor = { mediaType: document.mediaType, digest, size: bytes.byteLength };
  if (isIndex(document)) {
    return { descriptor, platforms: document.manifests.flatMap(({ platform }) => platform ?? []) };
  }
  if (!isImageConfigType(document.config.mediaType)) return { descriptor, platforms: [] };
  const { stream } = await client.blob(document.config.digest, 0, signal);
  const config = await readBounded(new Response(stream), maxImageConfigSize);
  return { descriptor, platforms: [platformOf(parseImageConfig(config))] };
}
