import { rfc3339Nano } from "../base/clock.ts";
import { Cleanups } from "../base/disposables.ts";
import { conflict, invalidArgument, messageOf, notFound, notModified } from "../base/errors.ts";
import { tracer } from "../base/trace.ts";
import type { ConsoleSize, RuntimeBinary, StartRequest } from "../runtime/supervisor/protocol.ts";
import { makeBundle } from "./bundle.ts";
import { type Container, isRunning } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { healthAtStart, watchHealth } from "./health-monitors.ts";
import { refreshLinks } from "./links.ts";
import { logConfigOf } from "./log-config.ts";
import { connectNetwork } from "./networking.ts";
import { containerPaths } from "./paths.ts";
import { removeInTurn } from "./remove.ts";
import { mountRootfs, mountSharedMemory, removeRunDirectory, unmountRootfs } from "./rootfs.ts";
import { startFailureCode } from "./start-failure.ts";
import { containerUsers } from "./user-namespace.ts";

/** Starts a container, in its turn. Throws `notModified` when it runs already. */
export function startContainer(
  deps: ContainerDeps,
  container: Container,
  { checkpoint }: { checkpoint?: string } = {},
): Promise<void> {
  deps.readiness.expectStart();
  return deps.turns.run(container.id, async () => {
    if (container.state.status !== "restarting" && isRunning(container)) refuseSecondStart(container);
    refuseToStart(deps, container);
    // Who starts it by hand begins to count anew.
    countRestartsAnew(deps, container);
    await startInTurn(deps, container, checkpoint);
  });
}

/** The next restart is the first one again. */
export function countRestartsAnew(deps: ContainerDeps, container: Container): void {
  deps.restarts.cancel(container.id);
  if (container.state.restartCount > 0) deps.set.setState(container, { restartCount: 0 });
}

function refuseSecondStart({ state }: Container): never {
  if (state.status === "paused") throw conflict("cannot start a paused container, try unpause instead");
  throw notModified("");
}

function refuseToStart(deps: ContainerDeps, container: Container): void {
  if (!deps.set.get(container.id)) throw notFound(`No such container: ${container.id}`);
  if (container.state.status === "removing" || container.state.status === "dead") {
    throw conflict("container is marked for removal and cannot be started");
  }
}

/**
 * Starts a container whose turn the caller holds, or has it go on from the checkpoint in a folder; a failure is written
 * into its state.
 */
export async function startInTurn(
  deps: ContainerDeps,
  container: Container,
  checkpoint?: string,
): Promise<void> {
  try {
    const started = await bringUp(deps, container, checkpoint);
    deps.set.setState(container, {
      status: "running",
      pid: started.pid,
      exitCode: 0,
      error: "",
      oomKilled: false,
      startedAt: rfc3339Nano(BigInt(started.startedAt)),
      stoppedByUser: false,
      restartDemanded: false,
      ...healthAtStart(container),
    });
  } catch (error) {
    await recordFailure(deps, container, messageOf(error));
    throw error;
  }
  refreshLinks(deps, container);
  watchHealth(deps, container);
  deps.events("start", container, {});
}

/** Those who wait for its exit or removal would wait for ever; a container that removes itself does it now. */
async function recordFailure(deps: ContainerDeps, container: Container, message: string): Promise<void> {
  const exitCode = startFailureCode(message);
  const { status } = container.state;
  deps.set.setState(container, {
    status: status === "restarting" ? "exited" : status,
    pid: 0,
    exitCode,
    error: message,
  });
  if (container.spec.hostConfig.AutoRemove) {
    await removeInTurn(deps, container, { volumes: true });
    return;
  }
  // Not the reason: that is for who asked for the start.
  deps.waiters.exited(container.id, { exitCode });
}

/** Everything that a process needs, then the process. What was made is undone when a later step fails. */
async function bringUp(deps: ContainerDeps, container: Container, checkpoint: string | undefined) {
  const { id, spec } = container;
  const paths = containerPaths(deps.roots, id);
  const log = logConfigOf(deps.roots, container);
  deps.resources.claim(
    { kind: "directory", key: paths.run, owner: id },
    { kind: "mount", key: paths.rootfs, owner: id },
  );
  await using undo = new Cleanups();
  undo.add(() => removeRunDirectory(deps, id));
  undo.add(() => unmountRootfs(deps, id));
  await needLayers(deps, container);
  undo.add(() => deps.network.release(id));
  const connection = await tracer.span("network.connect", () => connectNetwork(deps, container), id);
  using users = containerUsers(deps, container, connection);
  undo.add(() => deps.volumes.release(id));
  tracer.span("rootfs.mount", () => mountRootfs(deps, container, users?.remap), id);
  mountSharedMemory(deps, container, users?.remap.root);
  await tracer.span("runtime.bundle", () => makeBundle(deps, container, { connection, users }), id);
  const request: StartRequest = {
    id,
    bundle: paths.bundle,
    runtime: runtimeOf(deps, container),
    tty: spec.config.Tty ?? false,
    openStdin: spec.config.OpenStdin ?? false,
    stdinOnce: spec.config.StdinOnce ?? false,
    log,
    ...(checkpoint !== undefined && { checkpoint }),
    ...consoleSize(spec.hostConfig.ConsoleSize),
  };
  const started = await tracer.span("runtime.start", () => deps.supervisor.start(request), id);
  deps.volumes.started(id);
  undo.keep();
  return started;
}

/** After a power failure, layers that had not reached the disk are unpacked again when they are needed. */
async function needLayers(deps: ContainerDeps, { spec }: Container): Promise<void> {
  if (spec.layers.every((layer) => deps.layers.has(layer))) return;
  await deps.images.ensureUnpacked(deps.images.resolve(spec.imageId));
}

function consoleSize(size: readonly number[] | undefined): { consoleSize?: ConsoleSize } {
  const [height = 0, width = 0] = size ?? [];
  return height > 0 && width > 0 ? { consoleSize: { height, width } } : {};
}

/** The runtime that runs the container. Throws `invalidArgument` when the daemon does not have it any more. */
export function runtimeOf(deps: ContainerDeps, container: Container): RuntimeBinary {
  const name = container.spec.hostConfig.Runtime || deps.settings.defaultRuntime;
  const runtime = deps.settings.runtimes.get(name);
  if (!runtime) throw invalidArgument(`unknown or invalid runtime name: ${name}`);
  return runtime;
}
