import type { HealthcheckResult } from "../api/containers.ts";
import { rfc3339Nano } from "../base/clock.ts";
import { isEngineError, messageOf } from "../base/errors.ts";
import { type Container, isRunning } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import {
  beginHealth,
  endHealth,
  type Health,
  type HealthCheck,
  healthCheckOf,
  parseHealthAction,
  pauseBeforeCheck,
  withResult,
} from "./health.ts";
import { type Probed, probe } from "./health-probe.ts";
import { endUnhealthy } from "./stop.ts";

const longestPause = 2 ** 31 - 1;

/** The containers whose health is checked now, each with its timer: there is nothing for any other one. */
export class HealthMonitors {
  #running = new Map<string, Monitor>();

  /** Takes the place of the container's monitor before. */
  begin(id: string, monitor: Monitor): void {
    this.end(id);
    this.#running.set(id, monitor);
  }

  end(id: string): void {
    this.#running.get(id)?.stop();
    this.#running.delete(id);
  }

  /** The checks that are under way may end by themselves; no other one begins. */
  stop(): void {
    for (const id of [...this.#running.keys()]) this.end(id);
  }
}

/** The state of a container that is about to run: checks begin with `watchHealth`. */
export function healthAtStart({ spec, state }: Container): { health?: Health } {
  return healthCheckOf(spec.config.Healthcheck, spec.config.Shell)
    ? { health: beginHealth(state.health) }
    : {};
}

/** Checks the health of a container that runs from now on, where it has a check; goes on where an earlier daemon was. */
export function watchHealth(deps: ContainerDeps, container: Container): void {
  const check = healthCheckOf(container.spec.config.Healthcheck, container.spec.config.Shell);
  if (!check || !container.state.health) return;
  deps.health.begin(container.id, new Monitor(deps, container, check));
}

/** The container has ended, or stands still. */
export function unwatchHealth(deps: ContainerDeps, { id, state }: Container): { health?: Health } {
  deps.health.end(id);
  return state.health ? { health: endHealth(state.health) } : {};
}

/** One container's checks, one after another. */
class Monitor {
  #deps: ContainerDeps;
  #container: Container;
  #check: HealthCheck;
  #timer: ReturnType<typeof setTimeout>;
  #stopped = false;
  /** The last check, while its process could not be ended. */
  #stuck: Probed | undefined;

  constructor(deps: ContainerDeps, container: Container, check: HealthCheck) {
    this.#deps = deps;
    this.#container = container;
    this.#check = check;
    const last = container.state.health?.log.at(-1);
    // With the results of an earlier life nothing is due.
    const since = Math.max(this.#startedAt, last ? Date.parse(last.End) : 0);
    this.#timer = this.#next(since);
  }

  get #startedAt(): number {
    return Date.parse(this.#container.state.startedAt);
  }

  /** `since`: when the last check ended, or the container started. */
  #next(since: number): ReturnType<typeof setTimeout> {
    const now = this.#deps.clock.now();
    const status = this.#container.state.health?.status ?? "starting";
    const pause = pauseBeforeCheck(this.#check, status, now - this.#startedAt) - (now - since);
    const wait = Math.min(Math.max(0, pause), longestPause);
    return setTimeout(() => void this.#run(), wait);
  }

  async #run(): Promise<void> {
    const begun = this.#deps.clock.now();
    try {
      const result = await this.#result();
      if (this.#stopped) return;
      this.#record(withResult(this.#health, this.#check, result, begun - this.#startedAt));
    } catch (error) {
      const fields = { container: this.#container.id, error: messageOf(error) };
      this.#deps.log.error("checking a container's health failed", fields);
    }
    if (!this.#stopped) this.#timer = this.#next(this.#deps.clock.now());
  }

  /** While the process of the last check is there still, another one would only pile up: it has failed again. */
  async #result(): Promise<HealthcheckResult> {
    if (this.#stuck) {
      const now = rfc3339Nano(this.#deps.clock.nowNanos());
      return { ...this.#stuck.result, Start: now, End: now };
    }
    const probed = await this.#probe();
    this.#stuck = probed;
    void probed.gone.then(() => {
      this.#stuck = undefined;
    });
    return probed.result;
  }

  get #health(): Health {
    return this.#container.state.health ?? beginHealth(undefined);
  }

  async #probe(): Promise<Probed> {
    await this.#endLeftover();
    return probe(this.#deps, this.#container, this.#check, (execId) =>
      this.#save({ ...this.#health, checking: execId }),
    );
  }

  /** A check that was under way when the daemon was killed: nobody else knows its time limit. */
  async #endLeftover(): Promise<void> {
    const execId = this.#health.checking;
    if (execId === undefined) return;
    try {
      await this.#deps.supervisor.kill({ id: this.#container.id, execId }, 9);
    } catch (error) {
      // It has ended by itself.
      if (!isEngineError(error, "conflict")) throw error;
    }
  }

  #save(health: Health): void {
    if (!this.#stopped) this.#deps.set.setHealth(this.#container, health);
  }

  #record(health: Health): void {
    const container = this.#container;
    const before = this.#health.status;
    this.#save(health);
    if (health.status !== before) this.#deps.events(`health_status: ${health.status}`, container, {});
    if (health.status !== "unhealthy" || !isRunning(container)) return;
    const action = parseHealthAction(container.spec.hostConfig.HealthOnFailure);
    if (action === "none") return;
    this.#deps.log.warn("a container is unhealthy", { container: container.id, action });
    this.#deps.health.end(container.id);
    endUnhealthy(this.#deps, container, action).catch((error: unknown) => {
      const fields = { container: container.id, action, error: messageOf(error) };
      this.#deps.log.error("acting on failed health checks failed", fields);
    });
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}
