import type { CopyFrom } from "../archive/copy.ts";
import { isEngineError, notFound } from "../base/errors.ts";
import { cacheKey, localKey } from "./cache.ts";
import type { StepContext } from "./step-context.ts";

/** What is taken of a source. */
export type Selection = Pick<CopyFrom, "paths" | "parents" | "exclude">;

/**
 * The digest of the content that `selection` takes of the source called `from` ("" is the context). Throws `notFound`
 * with BuildKit's words where a path is not there.
 */
export async function digestOf(context: StepContext, from: string, selection: Selection): Promise<string> {
  const { deps, signal } = context;
  const { isContext, directory, contents } = await context.source(from);
  const owner = isContext ? { owner: { uid: 0, gid: 0 } } : {};
  try {
    const known = await contents?.();
    const ask = { root: await directory(), ...selection, ...owner, ...(known && { contents: known }) };
    return (await deps.workers.run("digest", ask, { signal })).digest;
  } catch (error) {
    if (!isEngineError(error, "notFound")) throw error;
    throw notFound(`failed to compute cache key: ${error.message}`, error);
  }
}

/**
 * A key for the same without reading it, of this machine only where it stands for a client's folder; undefined where the
 * source has none.
 */
export async function quickKey(
  context: StepContext,
  from: string,
  selection: Selection,
): Promise<string | undefined> {
  const { key, stamp } = await context.source(from);
  if (key !== undefined) return cacheKey(key, selection);
  const known = await stamp?.(selection.paths);
  return known === undefined ? undefined : localKey(cacheKey(known, selection));
}
