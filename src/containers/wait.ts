import { invalidArgument } from "../base/errors.ts";
import { type Container, isRunning } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import type { WaitCondition, WaitResult } from "./waiters.ts";

/** Throws `invalidArgument`; an empty text is `not-running`, the default. */
export function parseWaitCondition(text: string): WaitCondition {
  if (text === "" || text === "not-running") return "not-running";
  if (text === "next-exit" || text === "removed") return text;
  throw invalidArgument(`invalid condition: "${text}"`);
}

/**
 * Waits as `POST /containers/{id}/wait` does. When the returned promise exists, the waiting has begun: what happens
 * from now on is not missed.
 */
export function waitForContainer(
  deps: ContainerDeps,
  container: Container,
  condition: WaitCondition,
  signal: AbortSignal,
): Promise<WaitResult> {
  if (condition === "removed") return deps.waiters.wait(container.id, "removal", signal);
  if (condition === "not-running" && !isRunning(container)) {
    return Promise.resolve({ exitCode: container.state.exitCode });
  }
  return deps.waiters.wait(container.id, "exit", signal);
}
