import { posix } from "node:path";
import { RootfsView } from "../containers/spec/rootfs-view.ts";
import { resolveUser } from "../containers/spec/user.ts";
import type { InstructionOf } from "../dockerfile/instruction.ts";
import { cacheKey } from "./cache.ts";
import { cachedStep } from "./cached-step.ts";
import { withoutLayer } from "./stage-state.ts";
import type { StepContext, StepResult } from "./step-context.ts";
import { WorkRoot } from "./work-root.ts";

/** `WORKDIR`: the directory is made, for the user of the stage, and is where everything starts from then on. */
export async function workdirStep(
  context: StepContext,
  instruction: InstructionOf<"WORKDIR">,
): Promise<StepResult> {
  const { deps, state, words, lease, signal } = context;
  const path = posix.resolve("/", state.config.WorkingDir ?? "/", words.word(instruction.path));
  const key = cacheKey(state.key, "workdir", path, state.config.User ?? "");
  const config = { ...state.config, WorkingDir: path };
  if (path === "/") return { state: withoutLayer(state, config, "WORKDIR /"), cached: false };
  const { state: after, cached } = await cachedStep(context, [key], `WORKDIR ${path}`, async () => {
    await using root = await WorkRoot.create(deps, state);
    const mounted = root.mount();
    const owner = ownerOf(mounted, state.config.User ?? "");
    await deps.workers.run("makeDirectory", { root: mounted, path, owner }, { signal });
    await root.unmount();
    return await root.seal(lease, [], signal);
  });
  return { state: { ...after, config: { ...after.config, WorkingDir: path } }, cached };
}

function ownerOf(rootfs: string, user: string): { uid: number; gid: number } {
  if (user === "") return { uid: 0, gid: 0 };
  // BuildKit takes a number for that of the group too, whatever /etc/passwd says.
  if (/^\d+$/.test(user)) return { uid: Number(user), gid: Number(user) };
  using view = new RootfsView(rootfs);
  const { uid, gid } = resolveUser(user, [], {
    passwd: () => view.readText("/etc/passwd"),
    group: () => view.readText("/etc/group"),
  });
  return { uid, gid };
}
