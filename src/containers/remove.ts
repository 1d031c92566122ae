import { conflict, internal, isEngineError, messageOf } from "../base/errors.ts";
import { type Container, isRunning } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { removeHome } from "./rootfs.ts";
import { killContainer } from "./stop.ts";

export interface RemoveOptions {
  force?: boolean;
  /** Its anonymous volumes go with it. */
  volumes?: boolean;
}

/** A start that another client asked for may come between the kill and the removal; not for ever. */
const maxKills = 5;

/** How long a start or a clearing-up that is under way may hold up a removal. Milliseconds. */
const turnPatience = 20_000;

/** `docker rm`. Throws `conflict` when it runs and `force` is not set. */
export async function removeContainer(
  deps: ContainerDeps,
  container: Container,
  options: RemoveOptions = {},
): Promise<void> {
  for (let kills = 0; ; kills++) {
    if (isRunning(container)) {
      if (!options.force || kills === maxKills) throw stillRunning(container);
      if (await removedByItsEnd(deps, container, options)) return;
    }
    const late = conflict(
      `cannot remove container "/${container.name}": another operation on it does not come to its end`,
    );
    const remove = () => removeUnlessRunning(deps, container, options);
    if (await deps.turns.runWithin(container.id, turnPatience, remove, late)) return;
  }
}

/** False when it runs (again), and is to be killed. The caller holds its turn. */
async function removeUnlessRunning(
  deps: ContainerDeps,
  container: Container,
  options: RemoveOptions,
): Promise<boolean> {
  // Another request, or --rm, was faster.
  if (!deps.set.get(container.id)) return true;
  if (isRunning(container)) {
    if (!options.force) throw stillRunning(container);
    return false;
  }
  await removeInTurn(deps, container, { volumes: options.volumes ?? false });
  return true;
}

/** Removes a container that does not run; the caller holds its turn. */
export async function removeInTurn(
  deps: ContainerDeps,
  container: Container,
  { volumes }: { volumes: boolean },
): Promise<void> {
  forget(deps, container, volumes);
  await giveUpVolumes(deps, container, volumes);
  deps.waiters.removed(container.id, { exitCode: container.state.exitCode });
  deps.events("destroy", container, {});
  await removeHome(deps, container.id);
}

function stillRunning(container: Container) {
  const paused = container.state.status === "paused";
  const why = paused
    ? "container is paused and must be unpaused first"
    : "container is running: stop the container before removing or force remove";
  return conflict(`cannot remove container "/${container.name}": ${why}`);
}

/**
 * Kills it; what is left to clear away then (mounts, the runtime's files, its folder) is done behind the answer. False
 * when its end did not remove it, because it is being restarted, or had ended before.
 */
async function removedByItsEnd(
  deps: ContainerDeps,
  container: Container,
  options: RemoveOptions,
): Promise<boolean> {
  using removal = deps.removals.want(container.id, options.volumes ?? false);
  await killForRemoval(deps, container);
  if (removal.gone === undefined) return false;
  await removal.gone;
  return true;
}

async function killForRemoval(deps: ContainerDeps, container: Container): Promise<void> {
  try {
    await killContainer(deps, container, "KILL");
  } catch (error) {
    if (isEngineError(error, "internal")) {
      const why = messageOf(error.cause ?? error);
      throw internal(`cannot remove container "/${container.name}": could not kill: ${why}`, error);
    }
    // It ended by itself meanwhile.
    if (!isEngineError(error, "conflict")) throw error;
  }
}

/**
 * The row goes, and the name is free. What is left on the disk is known by its resource rows. Its anonymous volumes are
 * to be removed with `giveUpVolumes` when `removeAnonymous`.
 */
export function forget(deps: ContainerDeps, container: Container, removeAnonymous: boolean): void {
  if (container.spec.mounts.length > 0) deps.volumes.decideAnonymous(container.id, !removeAnonymous);
  deps.set.delete(container);
}

/** Its volumes are free for others; those without a name go with it when `removeAnonymous`. */
export async function giveUpVolumes(
  deps: ContainerDeps,
  { id, spec }: Container,
  removeAnonymous: boolean,
): Promise<void> {
  if (spec.mounts.length > 0) await deps.volumes.forgetContainer(id, spec.mounts, { removeAnonymous });
}
