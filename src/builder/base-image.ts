import { isEngineError } from "../base/errors.ts";
import { pull } from "../distribution/pull.ts";
import type { Image } from "../images/image.ts";
import type { Platform } from "../oci/platform.ts";
import { familiarString, parseReference, withDefaultTag } from "../oci/reference.ts";
import type { BuilderDeps } from "./deps.ts";
import { imageIn } from "./image-in.ts";
import type { BuildOptions } from "./options.ts";
import type { BuildProgress, Vertex } from "./progress.ts";
import { RegistryReader } from "./registry-reader.ts";
import type { BaseImage } from "./stage-state.ts";

/** What `FROM` and `--from` name: the image that is here, or else (or with `--pull`) what the registry has. */
export async function baseImage(
  deps: BuilderDeps,
  options: BuildOptions,
  { name, platform }: { name: string; platform: Platform },
  { progress, vertex }: { progress: BuildProgress; vertex: Vertex },
): Promise<Image> {
  if (!options.pull) {
    const image = local(deps, name, platform);
    if (image !== undefined) return image;
  }
  const reference = withDefaultTag(parseReference(name));
  const request = {
    reference,
    platform,
    credentials: await options.credentials(reference.domain),
    signal: options.signal,
  };
  await pull(request, deps, (message) => progress.pulling(vertex, message));
  return deps.images.resolve(familiarString(reference), platform);
}

/**
 * What the registry has under the name, without its layers; undefined where the image is here already, and where the
 * registry has to be asked in another way to say what is wrong.
 */
export async function unpulledImage(
  deps: BuilderDeps,
  options: BuildOptions,
  { name, platform }: { name: string; platform: Platform },
): Promise<BaseImage | undefined> {
  if (!options.pull && local(deps, name, platform) !== undefined) return undefined;
  try {
    const reference = withDefaultTag(parseReference(name));
    const credentials = async () => options.credentials(reference.domain);
    return await imageIn(
      new RegistryReader(deps.transport, reference, credentials),
      platform,
      options.signal,
    );
  } catch (error) {
    if (isEngineError(error, "cancelled")) throw error;
    // The pull, which is tried next, says it in its own words.
    return undefined;
  }
}

function local({ images }: BuilderDeps, name: string, platform: Platform): Image | undefined {
  try {
    return images.resolve(name, platform);
  } catch (error) {
    if (isEngineError(error, "notFound")) return undefined;
    throw error;
  }
}
