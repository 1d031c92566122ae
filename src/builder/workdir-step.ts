import { posix } from "node:path";
import type { InstructionOf } from "../dockerfile/instruction.ts";
import { cacheKey } from "./cache.ts";
import { cachedStep } from "./cached-step.ts";
import { fileOwner } from "./file-owner.ts";
import { withoutLayer } from "./stage-state.ts";
import type { StepContext, StepResult } from "./step-context.ts";
import { WorkRoot } from "./work-root.ts";

/** `WORKDIR`: the directory is made, for the user of the stage, and is where everything starts from then on. */
export async function workdirStep(
  context: StepContext,
  instruction: InstructionOf<"WORKDIR">,
): Promise<StepResult> {
  const { deps, state, words, lease, signal } = context;
  const said = words.word(instruction.path);
  const path = posix.resolve("/", state.config.WorkingDir ?? "/", said);
  // What begins at the root is told as it is said, with a slash at its end, too.
  const shown = said.startsWith("/") ? said : path;
  const key = cacheKey(state.key, "workdir", shown, state.config.User ?? "");
  const config = { ...state.config, WorkingDir: shown };
  if (path === "/") return { state: withoutLayer(state, config, `WORKDIR ${shown}`), cached: false };
  const { state: after, cached } = await cachedStep(context, [key], `WORKDIR ${shown}`, async () => {
    await using root = await WorkRoot.create(deps, state);
    const mounted = root.mount();
    const said = { text: state.config.User ?? "", line: instruction.range.start };
    const owner = fileOwner(context, mounted, said);
    await deps.workers.run("makeDirectory", { root: mounted, path, owner }, { signal });
    await root.unmount();
    return await root.seal(lease, [], signal);
  });
  return { state: { ...after, config: { ...after.config, WorkingDir: shown } }, cached };
}
