import { compose } from "../images/compose.ts";
import type { Digest } from "../oci/digest.ts";
import type { BuilderDeps } from "./deps.ts";
import type { BuildOptions } from "./options.ts";
import { configOf, type StageState } from "./stage-state.ts";

/** The stage becomes an image with the tags that were asked for, or without a name. Returns its id. */
export function exportImage(
  { blobs, images }: BuilderDeps,
  state: StageState,
  options: BuildOptions,
): Digest {
  const target = compose(blobs, {
    config: configOf(state, options.labels),
    layers: state.layers.map(({ descriptor }) => descriptor),
  });
  for (const tag of options.tags) images.put(target, tag);
  if (options.tags.length === 0) images.put(target);
  return target.digest;
}
