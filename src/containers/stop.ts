import { conflict, invalidArgument, isEngineError, notModified } from "../base/errors.ts";
import { signalNumber } from "../base/signals.ts";
import { type Container, isRunning } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { startContainer } from "./start.ts";

const SIGTERM = 15;
const SIGKILL = 9;
const defaultStopTimeout = 10;

/** A signal's number. Throws `invalidArgument` with Docker's words. */
export function parseSignal(text: string): number {
  const number = signalNumber(text);
  if (number === undefined) throw invalidArgument(`Invalid signal: ${text}`);
  return number;
}

/** `docker kill`. Throws `conflict` when the container does not run. */
export async function killContainer(
  deps: ContainerDeps,
  container: Container,
  signal: string,
): Promise<void> {
  const number = signal === "" ? SIGKILL : parseSignal(signal);
  if (!isRunning(container)) {
    throw conflict(`cannot kill container: ${container.id}: container ${container.id} is not running`);
  }
  if (number === SIGKILL || number === stopSignal(container))
    deps.set.setState(container, { stoppedByUser: true });
  if (number === SIGKILL) await endsAfter(deps, container, number, defaultStopTimeout);
  else await sendSignal(deps, container, number);
}

/** A container that ended meanwhile is what the signal was for. */
async function sendSignal(deps: ContainerDeps, container: Container, signal: number): Promise<void> {
  try {
    await deps.supervisor.kill({ id: container.id }, signal);
    deps.events("kill", container, { signal: String(signal) });
  } catch (error) {
    if (!isEngineError(error, "notFound")) throw error;
  }
}

/**
 * Asks the container to end with its stop signal, and kills it after the time-out. `timeout` in seconds: negative
 * waits for ever; undefined is the container's own, or 10. Throws `notModified` when it does not run.
 */
export async function stopContainer(
  deps: ContainerDeps,
  container: Container,
  options: { timeout?: number | undefined; signal?: string | undefined } = {},
): Promise<void> {
  const signal = options.signal ? parseSignal(options.signal) : stopSignal(container);
  if (!isRunning(container)) throw notModified("");
  const timeout = options.timeout ?? container.spec.config.StopTimeout ?? defaultStopTimeout;
  deps.set.setState(container, { stoppedByUser: true });
  deps.restarts.cancel(container.id);
  if (container.state.status === "restarting") return;
  if (!(await endsAfter(deps, container, signal, timeout))) {
    deps.log.info("Container failed to exit within the time of its stop signal: killing it", {
      container: container.id,
      signal,
    });
    await endsAfter(deps, container, SIGKILL, -1);
  }
  deps.events("stop", container, {});
}

/** Sends the signal; false when the container still runs `timeout` seconds later. */
async function endsAfter(
  deps: ContainerDeps,
  container: Container,
  signal: number,
  timeout: number,
): Promise<boolean> {
  const giveUp = new AbortController();
  const exit = deps.waiters.wait(container.id, "exit", giveUp.signal).then(() => true);
  await sendSignal(deps, container, signal);
  // A frozen process gets its signal when it is thawed.
  if (container.state.status === "paused") await deps.supervisor.resume(container.id);
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = timeout < 0 ? undefined : setTimeout(() => resolve(false), timeout * 1000);
  try {
    return await Promise.race([exit, late]);
  } finally {
    clearTimeout(timer);
    giveUp.abort();
  }
}

function stopSignal(container: Container): number {
  return signalNumber(container.spec.config.StopSignal || "SIGTERM") ?? SIGTERM;
}

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
      await stopContainer(deps, container, options);
      await deps.turns.run(container.id, async () => {});
    } finally {
      deps.restarts.release(container.id);
    }
  }
  await startContainer(deps, container);
  deps.events("restart", container, {});
}
