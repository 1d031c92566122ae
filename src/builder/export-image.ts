import { compose } from "../images/compose.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { BuilderDeps } from "./deps.ts";
import type { BuildOptions } from "./options.ts";
import { configOf, type StageState } from "./stage-state.ts";

/** The stage becomes an image with the tags that were asked for, or without a name. Returns its id. */
export function exportImage(deps: BuilderDeps, state: StageState, options: BuildOptions): Digest {
  const { images } = deps;
  const target = composeImage(deps, state, options);
  for (const tag of options.tags) images.put(target, tag);
  if (options.tags.length === 0) images.put(target);
  return target.digest;
}

/** Writes the image that the stage is, without a name. */
export function composeImage(
  { blobs }: BuilderDeps,
  state: StageState,
  options: Pick<BuildOptions, "labels" | "epoch">,
  annotations: Readonly<Record<string, string>> = {},
): Descriptor {
  return compose(blobs, {
    config: configOf(state, options),
    layers: state.layers.map(({ descriptor }) => descriptor),
    annotations,
  });
}
