import { nextTurn } from "../base/async.ts";
import { rfc3339Nano } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { tracer } from "../base/trace.ts";
import type { Exit } from "../runtime/supervisor/protocol.ts";
import type { Container } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import type { Exec } from "./execs.ts";
import { unwatchHealth } from "./health-monitors.ts";
import { forget, giveUpVolumes } from "./remove.ts";
import { shouldRestart } from "./restart-policy.ts";
import { removeHome, removeRunDirectory, unmountRootfs } from "./rootfs.ts";
import { startInTurn } from "./start.ts";

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
  const restart =
    demanded ||
    (!autoRemove && shouldRestart(hostConfig.RestartPolicy, { ...container.state, ...outcome(exit) }));
  tracer.since("exit.told", exit.finishedAt, exit.id);
  tracer.span("exit.record", () => recordExit(deps, container, exit, { autoRemove, restart }), exit.id);
  if (exit.oomKilled) deps.events("oom", container, {});
  deps.events("die", container, {
    exitCode: String(exit.exitCode),
    execDuration: String(Math.max(0, Math.floor(ranFor / 1000))),
  });
  await clearAfterExit(deps, container, exit.exitCode, autoRemove);
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
  { autoRemove, restart }: { autoRemove: boolean; restart: boolean },
): void {
  for (const exec of deps.execs.containerEnded(container.id)) tellExecEnd(deps, exec);
  const health = unwatchHealth(deps, container);
  if (autoRemove) {
    forget(deps, container);
    return;
  }
  const { restartCount } = container.state;
  deps.set.setState(container, {
    ...outcome(exit),
    ...health,
    ...(restart ? { status: "restarting", restartCount: restartCount + 1 } : { status: "exited" }),
  });
}

async function clearAfterExit(
  deps: ContainerDeps,
  container: Container,
  exitCode: number,
  autoRemove: boolean,
): Promise<void> {
  const { id } = container;
  await tracer.span("exit.network", () => deps.network.release(id), id);
  deps.waiters.exited(id, { exitCode });
  if (autoRemove) {
    // Who has stopped it tells of that first.
    if (container.state.stoppedByUser) await nextTurn();
    await giveUpVolumes(deps, container, true);
    deps.waiters.removed(id, { exitCode });
    deps.events("destroy", container, {});
  }
  // Unmounting waits for the kernel for milliseconds: those who wait are answered first.
  await nextTurn();
  await tracer.span("exit.clear", () => clearAway(deps, id, autoRemove), id);
}

/** What nobody waits for any more. */
async function clearAway(deps: ContainerDeps, id: string, removed: boolean): Promise<void> {
  unmountRootfs(deps, id);
  await deps.volumes.release(id);
  await deps.supervisor.delete(id);
  await removeRunDirectory(deps, id);
  if (removed) await removeHome(deps, id);
}

function scheduleRestart(deps: ContainerDeps, container: Container, ranFor: number): void {
  deps.restarts.schedule(container.id, ranFor, () => {
    void deps.turns.run(container.id, async () => {
      if (container.state.status !== "restarting" || !deps.set.get(container.id)) return;
      try {
        await startInTurn(deps, container);
      } catch (error) {
        deps.log.error("restarting a container failed", { container: container.id, error: messageOf(error) });
      }
    });
  });
}
