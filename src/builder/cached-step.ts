import type { BuiltLayer } from "./stage-state.ts";
import { withLayer } from "./stage-state.ts";
import type { StepContext, StepResult } from "./step-context.ts";

/**
 * The layer of a step: from the cache where one of `keys` is known there, or else made by `make`, and
 * known by all of them from then on.
 */
export async function cachedStep(
  context: Pick<StepContext, "deps" | "state" | "lease" | "vertex" | "useCache">,
  keys: readonly string[],
  createdBy: string,
  make: () => Promise<BuiltLayer>,
): Promise<StepResult> {
  const { deps, state, lease, vertex } = context;
  const known = context.useCache ? deps.cache.find(keys) : undefined;
  if (known !== undefined) lease.add(known.diffId, known.descriptor.digest);
  const layer = known ?? (await make());
  if (known === undefined) deps.cache.put(layer, keys, vertex.name.replace(/^\[[^\]]*\] /, ""));
  return { state: withLayer(state, layer, createdBy), cached: known !== undefined };
}
