import type { HealthConfig, HealthcheckResult } from "../api/containers.ts";
import { invalidArgument } from "../base/errors.ts";

export type HealthStatus = "starting" | "healthy" | "unhealthy";

/** What is known of a container's health: of its present life, or of its last one. */
export interface Health {
  status: HealthStatus;
  /** Checks in a row that have failed. */
  failingStreak: number;
  /** The last five, the oldest first. */
  log: HealthcheckResult[];
  /** The exec of the check that is under way. */
  checking?: string | undefined;
}

/** How a container's health is checked, defaults filled in. Times in milliseconds. */
export interface HealthCheck {
  command: string[];
  interval: number;
  timeout: number;
  startPeriod: number;
  startInterval: number;
  retries: number;
}

export const healthActions = ["none", "kill", "restart", "stop"] as const;
export type HealthAction = (typeof healthActions)[number];

const keptResults = 5;
const leastDuration = 1_000_000;
const usualShell = ["/bin/sh", "-c"];
const nanosPerMilli = 1e6;

/** The check that a configuration asks for; undefined when it asks for none. `shell` is the image's. */
export function healthCheckOf(
  config: HealthConfig | undefined,
  shell?: readonly string[],
): HealthCheck | undefined {
  const [kind, ...command] = config?.Test ?? [];
  if (!config || (kind !== "CMD" && kind !== "CMD-SHELL")) return undefined;
  const millis = (nanos: number | undefined, otherwise: number) =>
    nanos ? nanos / nanosPerMilli : otherwise;
  return {
    command: kind === "CMD" ? command : [...(shell?.length ? shell : usualShell), ...command],
    interval: millis(config.Interval, 30_000),
    timeout: millis(config.Timeout, 30_000),
    startPeriod: millis(config.StartPeriod, 0),
    startInterval: millis(config.StartInterval, 5_000),
    retries: (config.Retries ?? 0) > 0 ? (config.Retries ?? 0) : 3,
  };
}

/** A life begins; what the log says of the one before stays. */
export function beginHealth(before: Health | undefined): Health {
  return { status: "starting", failingStreak: 0, log: before?.log ?? [] };
}

/** Nobody checks any more: as Docker says it, that is not healthy. */
export function endHealth(health: Health): Health {
  return { ...health, status: "unhealthy", checking: undefined };
}

/**
 * A check has ended. While a container starts (it was never healthy, and its start period is not over), failures do
 * not count. `age`: how long it had run when the check began, in milliseconds.
 */
export function withResult(
  health: Health,
  check: HealthCheck,
  result: HealthcheckResult,
  age: number,
): Health {
  const log = [...health.log, result].slice(-keptResults);
  if (result.ExitCode === 0) return { status: "healthy", failingStreak: 0, log };
  if (health.status === "starting" && age < check.startPeriod) return { ...health, log, checking: undefined };
  const failingStreak = health.failingStreak + 1;
  return { status: failingStreak >= check.retries ? "unhealthy" : health.status, failingStreak, log };
}

/** How long to wait until the next check begins. `age` as in `withResult`. */
export function pauseBeforeCheck(check: HealthCheck, status: HealthStatus, age: number): number {
  return status === "starting" && age < check.startPeriod ? check.startInterval : check.interval;
}

/** Throws `invalidArgument` with Docker's words. */
export function validateHealthConfig(config: HealthConfig | undefined): void {
  if (!config) return;
  for (const name of ["Interval", "Timeout", "StartPeriod", "StartInterval"] as const) {
    const duration = config[name] ?? 0;
    if (duration !== 0 && duration < leastDuration) {
      throw invalidArgument(`${name} in Healthcheck cannot be less than 1ms`);
    }
  }
  if ((config.Retries ?? 0) < 0) throw invalidArgument("Retries in Healthcheck cannot be negative");
}

/** Throws `invalidArgument` for what is no action. */
export function parseHealthAction(text: string | undefined): HealthAction {
  const action = healthActions.find((one) => one === (text || "none"));
  if (action) return action;
  throw invalidArgument(
    `invalid action on failed health checks '${text}'; use one of 'none', 'kill', 'restart', or 'stop'`,
  );
}
