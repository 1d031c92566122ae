import { cacheKey } from "./cache.ts";
import { cachedStep } from "./cached-step.ts";
import type { BuildContext } from "./options.ts";
import { type StageState, scratchState } from "./stage-state.ts";
import type { StepContext } from "./step-context.ts";
import { WorkRoot } from "./work-root.ts";

type ContextStage = Omit<StepContext, "directives" | "state" | "words" | "source">;

/** `FROM name`, where the name is of a context of files: a stage with them in one layer. */
export async function contextStage(
  step: ContextStage,
  name: string,
  context: BuildContext,
): Promise<StageState> {
  const { deps, lease, planned, signal } = step;
  const state = scratchState(planned.platform);
  const owner = { uid: 0, gid: 0 };
  const all = { root: await context.directory(), paths: ["/"], parents: false, exclude: [], owner };
  const contents = await context.contents?.();
  const { digest } = await deps.workers.run("digest", { ...all, ...(contents && { contents }) }, { signal });
  const made = await cachedStep(
    { ...step, state },
    [cacheKey("context", digest)],
    `FROM ${name}`,
    async () => {
      await using root = await WorkRoot.create(deps, state);
      await deps.workers.run("copy", { from: all, root: root.mount(), target: "/" }, { signal });
      await root.unmount();
      return await root.seal(lease, [], signal);
    },
  );
  return { ...made.state, base: { layers: made.state.layers.length, history: made.state.history.length } };
}
