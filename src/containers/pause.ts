import { conflict } from "../base/errors.ts";
import { type Container, isRunning } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { unwatchHealth, watchHealth } from "./health-monitors.ts";

/** Freezes every process of the container. Throws `conflict` when it does not run or is paused. */
export function pauseContainer(deps: ContainerDeps, container: Container): Promise<void> {
  return deps.turns.run(container.id, async () => {
    const { status } = container.state;
    if (status === "paused") throw conflict(`container ${container.id} is already paused`);
    if (status === "restarting") {
      throw conflict(`container ${container.id} is restarting, wait until the container is running`);
    }
    if (!isRunning(container)) throw conflict(`container ${container.id} is not running`);
    await deps.supervisor.pause(container.id);
    deps.set.setState(container, { status: "paused", ...unwatchHealth(deps, container) });
    deps.events("pause", container, {});
  });
}

/** Throws `conflict` when it is not paused. */
export function unpauseContainer(deps: ContainerDeps, container: Container): Promise<void> {
  return deps.turns.run(container.id, async () => {
    if (container.state.status !== "paused") throw conflict(`Container ${container.id} is not paused`);
    await deps.supervisor.resume(container.id);
    deps.set.setState(container, { status: "running" });
    watchHealth(deps, container);
    deps.events("unpause", container, {});
  });
}
