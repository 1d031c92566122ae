import {
  conflict,
  internal,
  invalidArgument,
  isEngineError,
  messageOf,
  notModified,
} from "../base/errors.ts";
import { signalNumber } from "../base/signals.ts";
import { tracer } from "../base/trace.ts";
import { type Container, isRunning } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";

const SIGTERM = 15;
const SIGKILL = 9;
const defaultStopTimeout = 10;
const thawInterval = 100;
/** How long a process that was killed may take to end. Seconds. */
const killPatience = 10;
/** How long a restart that is under way may take, before who wants it to end is told that it does not. Milliseconds. */
const restartPatience = 10_000;

/** A signal's number. Throws `invalidArgument` with Docker's words. */
export function parseSignal(text: string): number {
  const number = signalNumber(text);
  if (number === undefined) throw invalidArgument(`Invalid signal: ${text}`);
  return number;
}

/** A number that Linux does not know has an error of its own. */
function signalToSend(text: string, reference: string): number {
  if (/^\d+$/.test(text) && Number(text) > 0 && signalNumber(text) === undefined) {
    const why = `The linux daemon does not support signal ${text}`;
    throw invalidArgument(`cannot kill container: ${reference}: ${why}`);
  }
  return parseSignal(text);
}

/** `docker kill`. Throws `conflict` when the container, which the user has called `reference`, does not run. */
export async function killContainer(
  deps: ContainerDeps,
  container: Container,
  signal: string,
  reference = container.id,
): Promise<void> {
  const number = signal === "" ? SIGKILL : signalToSend(signal, reference);
  if (!isRunning(container)) {
    throw conflict(`cannot kill container: ${reference}: container ${container.id} is not running`);
  }
  const ends = number === SIGKILL || number === stopSignal(container);
  if (ends && (await endRestarts(deps, container))) return;
  if (ends) deps.set.setState(container, { stoppedByUser: true, restartDemanded: false });
  if (number !== SIGKILL) return sendSignal(deps, container, number);
  try {
    await killForGood(deps, container);
  } catch (error) {
    if (!isEngineError(error, "internal")) throw error;
    throw internal(`cannot kill container: ${reference}: ${error.message}`, error);
  }
}

/** Kills it. Throws `internal` when it does not end: a process may be stuck in the kernel. */
export async function killForGood(deps: ContainerDeps, container: Container): Promise<void> {
  if (await endsAfter(deps, container, SIGKILL, killPatience)) return;
  throw internal("tried to kill container, but did not receive an exit event");
}

/** A container that ended meanwhile, which may not have been recorded yet, is what the signal was for. */
async function sendSignal(deps: ContainerDeps, container: Container, signal: number): Promise<void> {
  try {
    await deps.supervisor.kill({ id: container.id }, signal);
    deps.events("kill", container, { signal: String(signal) });
  } catch (error) {
    if (!isEngineError(error, "conflict")) throw error;
  }
}

/**
 * No restart comes any more. True when the container waited for one, and has ended for good now; false when it runs
 * (a restart that is under way is waited for).
 */
async function endRestarts(deps: ContainerDeps, container: Container): Promise<boolean> {
  deps.restarts.cancel(container.id);
  if (container.state.status !== "restarting") return false;
  const end = async () => {
    if (container.state.status !== "restarting") return;
    const { exitCode } = container.state;
    deps.set.setState(container, { status: "exited", stoppedByUser: true });
    deps.waiters.exited(container.id, { exitCode });
  };
  const late = internal(`the restart of container ${container.id} does not come to its end`);
  await deps.turns.runWithin(container.id, restartPatience, end, late);
  return !isRunning(container);
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
  if (await endRestarts(deps, container)) {
    deps.events("stop", container, {});
    return;
  }
  deps.set.setState(container, { stoppedByUser: true, restartDemanded: false });
  try {
    await bringDown(deps, container, signal, timeout);
  } catch (error) {
    if (!isEngineError(error, "internal")) throw error;
    throw internal(`cannot stop container: ${container.id}: ${error.message}`, error);
  }
  deps.events("stop", container, {});
}

async function bringDown(
  deps: ContainerDeps,
  container: Container,
  signal: number,
  timeout: number,
): Promise<void> {
  if (await endsAfter(deps, container, signal, timeout)) return;
  deps.log.info("Container failed to exit within the time of its stop signal: killing it", {
    container: container.id,
    signal,
  });
  await killForGood(deps, container);
}

/**
 * What was chosen for a container that has become unhealthy: `stop` as a user does it; `kill` ends it, and its restart
 * policy decides; `restart` ends it to be started again, after the pauses that restarts have.
 */
export async function endUnhealthy(
  deps: ContainerDeps,
  container: Container,
  action: "kill" | "restart" | "stop",
): Promise<void> {
  if (action === "stop") return unlessDone(stopContainer(deps, container));
  if (action === "kill") return sendSignal(deps, container, SIGKILL);
  deps.set.setState(container, { restartDemanded: true });
  const timeout = container.spec.config.StopTimeout ?? defaultStopTimeout;
  await bringDown(deps, container, stopSignal(container), timeout);
}

/** Sends the signal; false when the container still runs `timeout` seconds later. */
async function endsAfter(
  deps: ContainerDeps,
  container: Container,
  signal: number,
  timeout: number,
): Promise<boolean> {
  // Its end has been told already: nobody would tell it again.
  if (!isRunning(container) || !deps.set.get(container.id)) return true;
  const giveUp = new AbortController();
  const exit = deps.waiters.wait(container.id, "exit", giveUp.signal).then(() => true);
  await tracer.span("stop.signal", () => sendSignal(deps, container, signal), container.id);
  void thaw(deps, container);
  // Another client's pause may come between a signal and its effect.
  const thawing = setInterval(() => void thaw(deps, container), thawInterval);
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = timeout < 0 ? undefined : setTimeout(() => resolve(false), timeout * 1000);
  try {
    return await tracer.span("stop.death", () => Promise.race([exit, late]), container.id);
  } finally {
    clearInterval(thawing);
    clearTimeout(timer);
    giveUp.abort();
  }
}

/**
 * A frozen process gets its signal when it is thawed. Where signals reach frozen processes too (cgroup v2), there may be
 * nothing left to thaw.
 */
async function thaw(deps: ContainerDeps, container: Container): Promise<void> {
  if (container.state.status !== "paused") return;
  await deps.turns.run(container.id, async () => {
    if (container.state.status !== "paused") return;
    try {
      await deps.supervisor.resume(container.id);
      deps.set.setState(container, { status: "running" });
    } catch (error) {
      deps.log.debug("a paused container has ended before it was thawed", {
        container: container.id,
        error: messageOf(error),
      });
    }
  });
}

function stopSignal(container: Container): number {
  return signalNumber(container.spec.config.StopSignal || "SIGTERM") ?? SIGTERM;
}

/** It has ended by itself meanwhile, or somebody else was faster to start it. */
export async function unlessDone(step: Promise<void>): Promise<void> {
  try {
    await step;
  } catch (error) {
    if (!isEngineError(error, "notModified")) throw error;
  }
}
