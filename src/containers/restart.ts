import { type Container, isRunning } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { startContainer } from "./start.ts";
import { stopContainer, unlessDone } from "./stop.ts";

/** Stop, when it runs, and start. */
export async function restartContainer(
  deps: ContainerDeps,
  container: Container,
  options: { timeout?: number | undefined; signal?: string | undefined },
): Promise<void> {
  if (isRunning(container)) {
    // A container that removes itself must outlive its restart.
    deps.restarts.hold(container.id);
    try {
      await unlessDone(stopContainer(deps, container, options));
      await deps.turns.run(container.id, async () => {});
    } finally {
      deps.restarts.release(container.id);
    }
  }
  await unlessDone(startContainer(deps, container));
  deps.events("restart", container, {});
}
