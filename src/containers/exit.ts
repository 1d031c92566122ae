import { nextTurn } from "../base/async.ts";
import { rfc3339Nano } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { tracer } from "../base/trace.ts";
import type { Exit } from "../runtime/supervisor/protocol.ts";
import type { Container } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import type { Exec } from "./execs.ts";
import { unwatchHealth } from "./health-monitors.ts";
import type { Removal } from "./removals.ts";
import { forget, giveUpVolumes } from "./remove.ts";
import { shouldRestart } from "./restart-policy.ts";
import { removeHome, removeRunDirectory, unmountRootfs } from "./rootfs.ts";
import { scheduleRestart } from "./unattended.ts";

/** From now on, what ends is recorded, told, and cleared away. */
export function watchExits(deps: ContainerDeps): Disposable {
  return deps.supervisor.exits.on((exit) => {
    if (exit.execId === undefined) void containerExited(deps, exit);
    else execExited(deps, exit, exit.execId);
  });
}

function execExited(deps: ContainerDeps, exit: Exit, execId: string): void {
  tracer.since("exit.told", exit.finishedAt, exit.id);
  tellExecEnd(deps, deps.execs.exited(execId, exit.exitCode));
}

function tellExecEnd(deps: ContainerDeps, exec: Exec | undefined): void {
  if (!exec) return;
  const { id, container, exitCode } = exec;
  deps.events("exec_die", container, { execID: id, exitCode: String(exitCode) });
}

/** Takes note of an exit, in the container's turn. */
export async function containerExited(deps: ContainerDeps, exit: Exit): Promise<void> {
  try {
    await deps.turns.run(exit.id, () => exitInTurn(deps, exit));
  } catch (error) {
    deps.log.error("clearing up after a container failed; the next start of the daemon tries again", {
      container: exit.id,
      error: messageOf(error),
    });
  }
}

async function exitInTurn(deps: ContainerDeps, exit: Exit): Promise<void> {
  const container = deps.set.get(exit.id);
  // The exit of an earlier life, or of a container that is gone, has been dealt with.
  if (!container || container.state.pid !== exit.pid) return;
  const ranFor = deps.clock.now() - Date.parse(container.state.startedAt);
  const { hostConfig } = container.spec;
  const held = deps.restarts.isHeld(container.id);
  const demanded = container.state.restartDemanded ?? false;
  const autoRemove = (hostConfig.AutoRemove ?? false) && !held && !demanded;
  // A restart that is under way needs the container; the removal comes after it.
  const removal = held ? undefined : deps.removals.of(container.id);
  const remove = autoRemove || removal !== undefined;
  const volumes = autoRemove || (removal?.volumes ?? false);
  const restart =
    !remove &&
    (demanded || shouldRestart(hostConfig.RestartPolicy, { ...container.state, ...outcome(exit) }));
  tracer.since("exit.told", exit.finishedAt, exit.id);
  tracer.span("exit.record", () => recordExit(deps, container, exit, { remove, volumes, restart }), exit.id);
  if (exit.oomKilled) deps.events("oom", container, {});
  deps.events("die", container, {
    exitCode: String(exit.exitCode),
    execDuration: String(Math.max(0, Math.floor(ranFor / 1000))),
  });
  await clearAfterExit(deps, container, exit.exitCode, { remove, volumes, removal });
  if (restart) scheduleRestart(deps, container, ranFor);
}

function outcome(exit: Exit) {
  return {
    pid: 0,
    exitCode: exit.exitCode,
    oomKilled: exit.oomKilled,
    finishedAt: rfc3339Nano(BigInt(exit.finishedAt)),
  };
}

/** One durable step, then those who wait are told; ports are free before that. */
function recordExit(
  deps: ContainerDeps,
  container: Container,
  exit: Exit,
  { remove, volumes, restart }: { remove: boolean; volumes: boolean; restart: boolean },
): void {
  for (const exec of deps.execs.containerEnded(container.id)) tellExecEnd(deps, exec);
  const health = unwatchHealth(deps, container);
  if (remove) {
    forget(deps, container, volumes);
    return;
  }
  const { restartCount } = container.state;
  deps.set.setState(container, {
    ...outcome(exit),
    ...health,
    ...(restart ? { status: "restarting", restartCount: restartCount + 1 } : { status: "exited" }),
  });
}

interface Ending {
  /** Its row has gone. */
  remove: boolean;
  /** And its anonymous volumes are to go. */
  volumes: boolean;
  /** Of a client that removes it by force. */
  removal: Removal | undefined;
}

async function clearAfterExit(
  deps: ContainerDeps,
  container: Container,
  exitCode: number,
  ending: Ending,
): Promise<void> {
  const { id } = container;
  const gone = endInSight(deps, container, exitCode, ending);
  ending.removal?.finish(gone);
  try {
    await gone;
  } finally {
    // Unmounting waits for the kernel for milliseconds: those who wait are answered first.
    await nextTurn();
    await tracer.span("exit.clear", () => clearAway(deps, id, ending.remove), id);
  }
}

/** What others can see of the end; those who wait are told. */
async function endInSight(
  deps: ContainerDeps,
  container: Container,
  exitCode: number,
  { remove, volumes }: Ending,
): Promise<void> {
  const { id } = container;
  await tracer.span("exit.network", () => deps.network.release(id), id);
  deps.waiters.exited(id, { exitCode });
  if (!remove) return;
  // Who has stopped it tells of that first.
  if (container.state.stoppedByUser) await nextTurn();
  await giveUpVolumes(deps, container, volumes);
  deps.waiters.removed(id, { exitCode });
  deps.events("destroy", container, {});
}

/** What nobody waits for any more. */
async function clearAway(deps: ContainerDeps, id: string, removed: boolean): Promise<void> {
  unmountRootfs(deps, id);
  await deps.volumes.release(id);
  await deps.supervisor.delete(id);
  await removeRunDirectory(deps, id);
  if (removed) await removeHome(deps, id);
}
