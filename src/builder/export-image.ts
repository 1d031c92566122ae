import { compose, type Parts } from "../images/compose.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { Built } from "./build.ts";
import type { BuilderDeps } from "./deps.ts";
import type { BuildOptions } from "./options.ts";
import { inlineCacheKey } from "./remote-cache/load-cache.ts";
import { inlineCache } from "./remote-cache/steps-of.ts";
import { configOf } from "./stage-state.ts";

/** The stage becomes an image with the tags that were asked for, or without a name. Returns its id. */
export function exportImage(deps: BuilderDeps, built: Built, options: BuildOptions): Digest {
  const { images } = deps;
  const target = composeImage(deps, built, options);
  for (const tag of options.tags) images.put(target, tag);
  if (options.tags.length === 0) images.put(target);
  return target.digest;
}

/** Writes the image that the stage is, without a name. */
export function composeImage(
  { blobs, cache }: BuilderDeps,
  built: Pick<Built, "state" | "record">,
  options: Pick<BuildOptions, "labels" | "epoch" | "inlineCache">,
  { annotations = {}, dockerTypes = false }: Pick<Parts, "annotations" | "dockerTypes"> = {},
): Descriptor {
  const { state } = built;
  const config = configOf(state, options);
  const inline = options.inlineCache ? inlineCache(cache, built, config.rootfs.diff_ids) : undefined;
  return compose(blobs, {
    config: inline === undefined ? config : { ...config, [inlineCacheKey]: inline },
    layers: state.layers.map(({ descriptor }) => descriptor),
    annotations,
    dockerTypes,
  });
}
