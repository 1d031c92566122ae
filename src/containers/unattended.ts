import { messageOf } from "../base/errors.ts";
import type { Container } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { shouldRestart } from "./restart-policy.ts";
import { startInTurn } from "./start.ts";

/**
 * Starts a container whose turn the caller holds, as its restart policy wants. A start that fails is logged, and tried
 * again like a life that ended: what it needs (an address of the host, a mount, a container whose namespace it joins)
 * may only be on its way. A daemon that is ending leaves all of that to the next one.
 */
export async function startUnattended(deps: ContainerDeps, container: Container): Promise<void> {
  if (!deps.restarts.active) return;
  try {
    await startInTurn(deps, container);
  } catch (error) {
    const fields = { container: container.id, error: messageOf(error) };
    deps.log.error("starting a container by its restart policy failed", fields);
    const { spec, state } = container;
    if (!deps.set.get(container.id) || !shouldRestart(spec.hostConfig.RestartPolicy, state)) return;
    deps.set.setState(container, { status: "restarting", restartCount: state.restartCount + 1 });
    scheduleRestart(deps, container, 0);
  }
}

/** Starts a container that is restarting after its pause. `ranFor`: how long it ran before, in milliseconds. */
export function scheduleRestart(deps: ContainerDeps, container: Container, ranFor: number): void {
  deps.restarts.schedule(container.id, ranFor, () => {
    void deps.turns.run(container.id, async () => {
      if (container.state.status !== "restarting" || !deps.set.get(container.id)) return;
      await startUnattended(deps, container);
    });
  });
}
