import { rm } from "node:fs/promises";
import { conflict, isEngineError } from "../base/errors.ts";
import { type Container, isRunning } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { trashHome } from "./rootfs.ts";
import { killContainer } from "./stop.ts";

export interface RemoveOptions {
  force?: boolean;
  /** Its anonymous volumes go with it. */
  volumes?: boolean;
}

/** `docker rm`. Throws `conflict` when it runs and `force` is not set. */
export async function removeContainer(
  deps: ContainerDeps,
  container: Container,
  options: RemoveOptions = {},
): Promise<void> {
  if (isRunning(container)) {
    if (!options.force) throw stillRunning(container);
    deps.restarts.cancel(container.id);
    await killForRemoval(deps, container);
  }
  await deps.turns.run(container.id, async () => {
    // Another request, or --rm, was faster.
    if (!deps.set.get(container.id)) return;
    if (container.state.status === "running") throw stillRunning(container);
    await removeInTurn(deps, container, { volumes: options.volumes ?? false });
  });
}

/** Removes a container that does not run; the caller holds its turn. */
export async function removeInTurn(
  deps: ContainerDeps,
  container: Container,
  { volumes }: { volumes: boolean },
): Promise<void> {
  forget(deps, container);
  deps.waiters.removed(container.id, { exitCode: container.state.exitCode });
  deps.events("destroy", container, {});
  await discard(deps, container, { volumes });
}

function stillRunning(container: Container) {
  const paused = container.state.status === "paused";
  const why = paused
    ? "container is paused and must be unpaused first"
    : "container is running: stop the container before removing or force remove";
  return conflict(`cannot remove container "/${container.name}": ${why}`);
}

async function killForRemoval(deps: ContainerDeps, container: Container): Promise<void> {
  if (container.state.status === "restarting") return;
  try {
    await killContainer(deps, container, "KILL");
  } catch (error) {
    // It ended by itself meanwhile.
    if (!isEngineError(error, "conflict")) throw error;
  }
}

/** The row goes, and the name is free. What is left on the disk is known by its resource rows. */
export function forget(deps: ContainerDeps, container: Container): void {
  deps.set.delete(container);
}

/** Deletes what a forgotten container has on the disk. */
export async function discard(
  deps: ContainerDeps,
  container: Container,
  { volumes }: { volumes: boolean },
): Promise<void> {
  await deps.volumes.forgetContainer(container.id, container.spec.mounts, { removeAnonymous: volumes });
  const trash = trashHome(deps, container.id);
  if (trash !== undefined) await rm(trash, { recursive: true, force: true });
}
