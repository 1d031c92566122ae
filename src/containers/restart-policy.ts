import type { RestartPolicy } from "../api/containers.ts";
import type { ContainerState } from "./container.ts";

const firstDelay = 100;
const longestDelay = 60_000;
/** A container that ran this long has recovered: its delay starts over. */
const healthyRun = 10_000;

/** Whether a container that has just ended is to be started again. */
export function shouldRestart(policy: RestartPolicy | undefined, state: ContainerState): boolean {
  if (state.stoppedByUser) return false;
  const retries = policy?.MaximumRetryCount ?? 0;
  switch (policy?.Name) {
    case "always":
    case "unless-stopped":
      return true;
    case "on-failure":
      return state.exitCode !== 0 && (retries === 0 || state.restartCount < retries);
    default:
      return false;
  }
}

/** Whether a container is to be started when the daemon starts after a reboot. */
export function startsWithDaemon(policy: RestartPolicy | undefined, state: ContainerState): boolean {
  switch (policy?.Name) {
    case "always":
      return state.status !== "created";
    case "unless-stopped":
      return state.status !== "created" && !state.stoppedByUser;
    default:
      return shouldRestart(policy, state);
  }
}

/** The waits before restarts, and the restarts that are still to come. */
export class Restarts {
  #delays = new Map<string, number>();
  #timers = new Map<string, ReturnType<typeof setTimeout>>();
  #held = new Set<string>();
  #active = false;

  /** While the daemon starts, no timer is set: what waits is started then in an order that suits all. */
  begin(): void {
    this.#active = true;
  }

  /** Between `begin` and `stop`: containers may be started without anybody asking for it. */
  get active(): boolean {
    return this.#active;
  }

  /** Runs `start` after the container's delay, which doubles each time. `ranFor` in milliseconds. */
  schedule(id: string, ranFor: number, start: () => void): void {
    const before = ranFor >= healthyRun ? undefined : this.#delays.get(id);
    const delay = before === undefined ? firstDelay : Math.min(before * 2, longestDelay);
    this.#delays.set(id, delay);
    clearTimeout(this.#timers.get(id));
    if (!this.#active) return;
    this.#timers.set(
      id,
      setTimeout(() => {
        this.#timers.delete(id);
        start();
      }, delay),
    );
  }

  /** True when a restart was waiting, and does not come any more. */
  cancel(id: string): boolean {
    clearTimeout(this.#timers.get(id));
    this.#delays.delete(id);
    return this.#timers.delete(id);
  }

  /** While it is held, an exit of the container is part of a restart: nothing is removed. */
  hold(id: string): void {
    this.#held.add(id);
  }

  release(id: string): void {
    this.#held.delete(id);
  }

  isHeld(id: string): boolean {
    return this.#held.has(id);
  }

  /** No restart comes any more. */
  stop(): void {
    this.#active = false;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
