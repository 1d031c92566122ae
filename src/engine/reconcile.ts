import { existsSync, readdirSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Limiter, waitAtMost } from "../base/async.ts";
import { rfc3339Nano, zeroTime } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { dropPartialCheckpoints } from "../containers/checkpoint.ts";
import { type Container, isRunning } from "../containers/container.ts";
import type { ContainerDeps } from "../containers/deps.ts";
import { containerExited } from "../containers/exit.ts";
import { healthAtStart, watchHealth } from "../containers/health-monitors.ts";
import { containerPaths } from "../containers/paths.ts";
import { removeContainer } from "../containers/remove.ts";
import { startsWithDaemon } from "../containers/restart-policy.ts";
import { removeRunDirectory, unmountRootfs } from "../containers/rootfs.ts";
import { cgroupsPath } from "../containers/spec/build.ts";
import { countRestartsAnew } from "../containers/start.ts";
import { startUnattended } from "../containers/unattended.ts";
import { type Cgroups, detectCgroups } from "../linux/cgroup.ts";
import { unmount } from "../linux/mount.ts";
import { mountsBelow } from "../linux/mountinfo.ts";
import { ContainerCgroup, cgroupPathOf } from "../runtime/container-cgroup.ts";
import { readIsolation } from "../runtime/supervisor/bundle-config.ts";
import type { ProcessStatus } from "../runtime/supervisor/protocol.ts";

/** The exit code of a container whose end nobody saw: the host went down. */
const unseenExitCode = 255;
/** How many containers are started side by side, or cleared away. */
const startsAtOnce = 8;
/** How long clearing away may hold up the start of the daemon; it goes on after that. Milliseconds. */
const clearingPatience = 5000;

/** The first process of each container that the supervisor knows, by container. */
type Inits = ReadonlyMap<string, ProcessStatus>;

/**
 * The rows say of every life that was begun that it runs, also where the daemon died between the start and the write;
 * lives whose end has been recorded are over. To be called before anybody listens to exits: an exit is only taken note
 * of where the row knows the process.
 */
export async function takeUpContainers(deps: ContainerDeps): Promise<Inits> {
  const known = await deps.supervisor.list();
  const inits = new Map(known.filter((one) => one.execId === undefined).map((one) => [one.id, one]));
  for (const container of deps.set.everything()) {
    const status = inits.get(container.id);
    if (status && status.pid > 0) takeUp(deps, container, status);
  }
  return inits;
}

/**
 * Brings rows, kernel and disk together when the daemon starts, whatever its last life left: exits of the meantime are
 * recorded, and what belongs to nobody goes.
 */
export async function reconcile(deps: ContainerDeps, inits: Inits): Promise<void> {
  await recordEnds(deps, inits);
  await dropUnknown(deps, await deps.supervisor.list());
  // Looked at once: who ends from now on is cleared away by its exit.
  const live = liveRunDirectories(deps);
  dropOrphanMounts(deps, live);
  await dropOrphanDirectories(deps, live);
  dropPartialCheckpoints(deps);
  const running = deps.set.everything().filter(isRunning);
  await deps.volumes.reconcile(
    new Set(deps.set.everything().map(({ id }) => id)),
    running.map(({ id, spec }) => ({ id, mounts: spec.mounts })),
  );
  await deps.network.reconcile(running.map(({ id }) => id));
  const cgroups = detectCgroups();
  for (const container of running) {
    mendPaused(deps, container, cgroups);
    if (container.state.status === "running") watchHealth(deps, container);
  }
  await dropInternal(deps);
}

/** What the engine made for itself is of no use to its next life. */
async function dropInternal(deps: ContainerDeps): Promise<void> {
  for (const container of deps.set.everything()) {
    if (container.spec.internal) await removeContainer(deps, container, { force: true, volumes: true });
  }
  // Secrets and agents of the steps of builds that a crash has ended.
  await rm(join(deps.roots.execRoot, "build"), { recursive: true, force: true });
}

/** The daemon may have died between a pause and the note of it. */
function mendPaused(deps: ContainerDeps, container: Container, cgroups: Cgroups): void {
  const { status } = container.state;
  if (status !== "running" && status !== "paused") return;
  const isPaused = isFrozen(deps, container, cgroups);
  if (isPaused !== undefined && isPaused !== (status === "paused")) {
    deps.set.setState(container, { status: isPaused ? "paused" : "running" });
  }
}

function isFrozen(deps: ContainerDeps, { id, spec }: Container, cgroups: Cgroups): boolean | undefined {
  const freezerAt = (path: string) => new ContainerCgroup(cgroups, cgroupPathOf(path)).isFrozen;
  const { cgroupParent, cgroupDriver } = deps.settings;
  try {
    const expected = cgroupsPath({ id, hostConfig: spec.hostConfig, cgroupParent, cgroupDriver });
    // It may have been started by a daemon with another parent; its specification knows, but takes longer to read.
    return (
      freezerAt(expected) ?? freezerAt(readIsolation(containerPaths(deps.roots, id).bundle).cgroupsPath ?? id)
    );
  } catch (error) {
    deps.log.warn("whether a container is paused cannot be seen", { container: id, error: messageOf(error) });
    return undefined;
  }
}

/** Starts what its restart policy wants to run. */
export function startByPolicy(deps: ContainerDeps): void {
  deps.restarts.begin();
  const limiter = new Limiter(startsAtOnce);
  const begun = new Map<string, Promise<void>>();
  const begin = (container: Container): Promise<void> => {
    const known = begun.get(container.id);
    if (known) return known;
    // In two steps: who needs one that needs it again finds it begun.
    const { promise, resolve } = Promise.withResolvers<void>();
    begun.set(container.id, promise);
    const needed = neededBy(deps, container).filter((other) => wantsToRun(other));
    const start = () => limiter.run(() => startIfWanted(deps, container));
    void Promise.all(needed.map(begin)).then(start).then(resolve);
    return promise;
  };
  for (const container of deps.set.all()) if (wantsToRun(container)) void begin(container);
}

function wantsToRun({ spec, state }: Container): boolean {
  if (state.status === "restarting") return true;
  const stands = state.status === "created" || state.status === "exited";
  return stands && startsWithDaemon(spec.hostConfig.RestartPolicy, state);
}

/** Containers whose namespaces it joins: they have to run first. */
function neededBy(deps: ContainerDeps, { id, spec }: Container): Container[] {
  const { NetworkMode, IpcMode, PidMode } = spec.hostConfig;
  return [NetworkMode, IpcMode, PidMode].flatMap((mode) => {
    const reference = mode?.startsWith("container:") ? mode.slice("container:".length) : undefined;
    if (reference === undefined || !deps.set.has(reference)) return [];
    const other = deps.set.find(reference);
    return other.id === id ? [] : [other];
  });
}

function startIfWanted(deps: ContainerDeps, container: Container): Promise<void> {
  deps.readiness.expectStart();
  return deps.turns.run(container.id, async () => {
    if (!deps.set.get(container.id) || !wantsToRun(container)) return;
    countRestartsAnew(deps, container);
    await startUnattended(deps, container);
  });
}

function takeUp(deps: ContainerDeps, container: Container, status: ProcessStatus): void {
  const { state } = container;
  const startedAt = rfc3339Nano(BigInt(status.startedAt));
  if (state.pid === status.pid || (state.pid === 0 && state.startedAt === startedAt)) return;
  deps.set.setState(container, {
    status: "running",
    pid: status.pid,
    startedAt,
    finishedAt: zeroTime,
    exitCode: 0,
    error: "",
    oomKilled: false,
    stoppedByUser: false,
    restartDemanded: false,
    ...healthAtStart(container),
  });
}

/** Of processes that have ended, or that are gone; what the supervisor keeps of lives that are over goes. */
async function recordEnds(deps: ContainerDeps, inits: Inits): Promise<void> {
  const limiter = new Limiter(startsAtOnce);
  const ends = deps.set.everything().map((container) => {
    const status = inits.get(container.id);
    if (status && !status.exit && status.pid > 0) return undefined;
    if (container.state.pid > 0) return limiter.run(() => recordEnd(deps, container, status));
    return status && limiter.run(() => clearUnattended(deps, container.id));
  });
  await waitAtMost(clearingPatience, Promise.all(ends));
}

async function recordEnd(
  deps: ContainerDeps,
  container: Container,
  status: ProcessStatus | undefined,
): Promise<void> {
  const now = String(deps.clock.nowNanos());
  await containerExited(deps, {
    id: container.id,
    exitCode: unseenExitCode,
    signal: 0,
    oomKilled: false,
    finishedAt: now,
    ...status?.exit,
    pid: container.state.pid,
  });
}

/** Processes of containers that have no row: a start whose container was removed, or never recorded. */
async function dropUnknown(deps: ContainerDeps, known: readonly ProcessStatus[]): Promise<void> {
  const unknown = known.filter(({ id, execId }) => execId === undefined && !deps.set.get(id));
  const drop = async (status: ProcessStatus) => {
    deps.log.warn("removing a container that no row tells of", { container: status.id });
    if (!status.exit) await endUnknown(deps, status.id);
    await clearUnattended(deps, status.id);
  };
  const limiter = new Limiter(startsAtOnce);
  await waitAtMost(clearingPatience, Promise.all(unknown.map((status) => limiter.run(() => drop(status)))));
}

async function clearUnattended(deps: ContainerDeps, id: string): Promise<void> {
  try {
    await deps.turns.run(id, () => clearAway(deps, id));
  } catch (error) {
    const fields = { container: id, error: messageOf(error) };
    deps.log.error("clearing up after a container failed; the next start of the daemon tries again", fields);
  }
}

async function endUnknown(deps: ContainerDeps, id: string): Promise<void> {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  using _listening = deps.supervisor.exits.on((exit) => {
    if (exit.id === id && exit.execId === undefined) resolve();
  });
  await deps.supervisor.kill({ id }, 9, { all: true });
  await ended;
}

async function clearAway(deps: ContainerDeps, id: string): Promise<void> {
  unmountRootfs(deps, id);
  await deps.supervisor.delete(id);
  await removeRunDirectory(deps, id);
}

/** Mounts below the exec root that no running container uses. */
function dropOrphanMounts(deps: ContainerDeps, live: ReadonlySet<string>): void {
  const containers = join(deps.roots.execRoot, "containers");
  const there = new Set<string>();
  for (const path of mountsBelow(containers).toReversed()) {
    const [name = ""] = path.slice(containers.length + 1).split("/");
    if (live.has(join(containers, name))) there.add(path);
    else unmount(path, { detach: true });
  }
  const gone = deps.resources
    .ofKind("mount")
    .filter(({ key }) => key.startsWith(containers) && !there.has(key));
  deps.resources.release(...gone);
}

function liveRunDirectories(deps: ContainerDeps): Set<string> {
  const running = deps.set.everything().filter(isRunning);
  return new Set(running.map((container) => containerPaths(deps.roots, container.id).run));
}

/** Folders of containers that have no row, and what a removal that was cut off left in the trash. */
async function dropOrphanDirectories(deps: ContainerDeps, live: ReadonlySet<string>): Promise<void> {
  const { dataRoot, execRoot } = deps.roots;
  const trash = join(dataRoot, "trash");
  await mkdir(trash, { recursive: true, mode: 0o700 });
  for (const name of entries(join(dataRoot, "containers"))) {
    if (deps.set.get(name)) continue;
    deps.log.warn("removing the folder of a container that no row tells of", { container: name });
    await rename(join(dataRoot, "containers", name), join(trash, `container-${name}`));
  }
  for (const name of entries(join(execRoot, "containers"))) {
    const path = join(execRoot, "containers", name);
    if (!live.has(path)) await rm(path, { recursive: true, force: true });
  }
  // Nothing is mounted there, unless a life before went wrong: deleting would reach into it.
  for (const path of mountsBelow(trash)) unmount(path, { detach: true });
  for (const name of entries(trash)) await rm(join(trash, name), { recursive: true, force: true });
  for (const { kind, key } of deps.resources.ofKind("directory")) {
    if (!existsSync(key)) deps.resources.release({ kind, key });
  }
}

function entries(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
