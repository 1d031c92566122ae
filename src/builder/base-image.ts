import { isEngineError } from "../base/errors.ts";
import { pull } from "../distribution/pull.ts";
import type { Image } from "../images/image.ts";
import type { Platform } from "../oci/platform.ts";
import { familiarString, parseReference, withDefaultTag } from "../oci/reference.ts";
import type { BuilderDeps } from "./deps.ts";
import type { BuildOptions } from "./options.ts";
import type { BuildProgress, Vertex } from "./progress.ts";

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

function local({ images }: BuilderDeps, name: string, platform: Platform): Image | undefined {
  try {
    return images.resolve(name, platform);
  } catch (error) {
    if (isEngineError(error, "notFound")) return undefined;
    throw error;
  }
}
