import { isDiskFull, messageOf } from "../base/errors.ts";
import { fetchLayer } from "./fetch-layer.ts";
import type { BuildRecord } from "./record.ts";
import { type ImportedResult, ResultsUnavailable } from "./remote-cache/imported-cache.ts";
import type { BuiltLayer } from "./stage-state.ts";
import { withLayer } from "./stage-state.ts";
import type { StepContext, StepResult } from "./step-context.ts";

/** What of a step decides where its result comes from. */
export type CacheContext = Pick<
  StepContext,
  "deps" | "state" | "lease" | "vertex" | "useCache" | "options" | "progress" | "signal"
> & {
  /** Takes note of the result; undefined for what is no step of the build. */
  record: BuildRecord | undefined;
};

/**
 * The layer of a step: from the cache where one of `keys` is known there, or else made by `make`, and
 * known by all of them from then on.
 */
export async function cachedStep(
  context: CacheContext,
  keys: readonly string[],
  createdBy: string,
  make: () => Promise<BuiltLayer>,
): Promise<StepResult> {
  const { deps, state, record } = context;
  const known = await knownResult(context, keys);
  const layer = known ?? (await make());
  if (known === undefined) deps.cache.put(layer, keys, descriptionOf(context));
  record?.results.push({ keys, layer });
  return { state: withLayer(state, layer, createdBy), cached: known !== undefined };
}

/** What came of an earlier step with one of these keys, here or in an imported cache; undefined where none may be used. */
export async function knownResult(
  context: CacheContext,
  keys: readonly string[],
): Promise<BuiltLayer | undefined> {
  const { deps, lease, options, useCache } = context;
  if (!useCache) return undefined;
  const here = deps.cache.find(keys);
  if (here !== undefined) {
    lease.add(here.diffId, here.descriptor.digest);
    return here;
  }
  const elsewhere = await options.imported?.find(keys);
  return elsewhere && fromElsewhere(context, keys, elsewhere);
}

const descriptionOf = ({ vertex }: CacheContext) => vertex.name.replace(/^\[[^\]]*\] /, "");

/** A layer that comes once something reads it. From then on the step is known here. */
function fromElsewhere(context: CacheContext, keys: readonly string[], result: ImportedResult): BuiltLayer {
  const { diffId, created, blob } = result;
  const descriptor = blob?.descriptor ?? { mediaType: "", digest: diffId, size: 0 };
  let fetching: Promise<void> | undefined;
  return {
    diffId,
    descriptor,
    bytes: 0,
    created,
    fetch: () => {
      fetching ??= fetch(context, keys, result);
      return fetching;
    },
  };
}

async function fetch(context: CacheContext, keys: readonly string[], result: ImportedResult): Promise<void> {
  const { deps, signal, progress } = context;
  const { diffId, created, blob } = result;
  if (blob === undefined) throw new ResultsUnavailable([result]);
  const { descriptor } = blob;
  try {
    await fetchLayer(context, { diffId, ...blob });
  } catch (error) {
    if (signal.aborted || isDiskFull(error)) throw error;
    const message = `the layer ${descriptor.digest} of an imported cache cannot be had, its step is carried out: ${messageOf(error)}`;
    progress.warn({ rule: "", description: "", url: "", message, line: 0 });
    throw new ResultsUnavailable([result], { cause: error });
  }
  const layer = { diffId, descriptor, bytes: deps.layers.size(diffId), created };
  deps.cache.put(layer, keys, descriptionOf(context));
}
