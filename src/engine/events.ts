import { AsyncQueue, Emitter } from "../base/async.ts";
import type { Clock } from "../base/clock.ts";
import { type Filters, hasLabel } from "../base/filters.ts";
import { shortId } from "../base/ids.ts";

/** What happened to one object, in the shape of `GET /events`. Times are Unix seconds and nanoseconds. */
export interface EngineEvent {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  scope: "local";
  time: number;
  timeNano: bigint;
}

/** How many past events are kept for `--since`, as in Docker. */
const history = 256;

export const eventFilters = [
  "config",
  "container",
  "daemon",
  "event",
  "image",
  "label",
  "network",
  "node",
  "plugin",
  "scope",
  "secret",
  "service",
  "type",
  "volume",
];

/** Everything that happens, told to whoever listens, and the last of it to who comes late. */
export class EventBus {
  #past: EngineEvent[] = [];
  #emitter = new Emitter<EngineEvent>();
  #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many listen now. */
  get listeners(): number {
    return this.#emitter.size;
  }

  emit(type: string, action: string, id: string, attributes: Record<string, string> = {}): void {
    const timeNano = this.#clock.nowNanos();
    const event: EngineEvent = {
      Type: type,
      Action: action,
      Actor: { ID: id, Attributes: attributes },
      scope: "local",
      time: Number(timeNano / 1_000_000_000n),
      timeNano,
    };
    this.#past.push(event);
    if (this.#past.length > history) this.#past.shift();
    this.#emitter.emit(event);
  }

  /**
   * Past events from `since` on (none without it), then those that come, until `until` or `signal`.
   * Times in nanoseconds since 1970.
   */
  async *stream(options: {
    since?: bigint | undefined;
    until?: bigint | undefined;
    filters: Filters;
    signal: AbortSignal;
  }): AsyncGenerator<EngineEvent> {
    const { since, until, filters, signal } = options;
    const queue = new AsyncQueue<EngineEvent>();
    using _listening = this.#emitter.on((event) => queue.push(event));
    const stop = () => queue.end();
    signal.addEventListener("abort", stop, { once: true });
    const end = until === undefined ? undefined : Number((until - this.#clock.nowNanos()) / 1_000_000n);
    const timer = end === undefined ? undefined : setTimeout(stop, Math.max(0, end));
    try {
      for (const event of this.#past) {
        if (since === undefined || event.timeNano < since) continue;
        if (until !== undefined && event.timeNano > until) continue;
        if (matchesFilters(event, filters)) yield event;
      }
      if (end !== undefined && end <= 0) return;
      for await (const event of queue) {
        if (matchesFilters(event, filters)) yield event;
      }
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    }
  }
}

/** True when `event` passes every filter; values of one filter are alternatives, but all labels must hold. */
export function matchesFilters(event: EngineEvent, filters: Filters): boolean {
  const { ID: id, Attributes: attributes } = event.Actor;
  const names = (wanted: string) => wanted === id || wanted === shortId(id) || wanted === attributes.name;
  return (
    filters.exact("type", event.Type) &&
    filters.exact("scope", event.scope) &&
    filters.any("event", (wanted) => event.Action === wanted || event.Action.startsWith(`${wanted}:`)) &&
    filters.get("label").every((wanted) => hasLabel(attributes, wanted)) &&
    filters.any("container", (wanted) => event.Type === "container" && names(wanted)) &&
    filters.any("image", (wanted) => imageMatches(event, wanted)) &&
    ["volume", "network", "plugin", "daemon"].every((type) =>
      filters.any(type, (wanted) => event.Type === type && names(wanted)),
    )
  );
}

/** `busybox` stands for every tag of it; a container's events match by its image as well. */
function imageMatches(event: EngineEvent, wanted: string): boolean {
  const { ID: id, Attributes: attributes } = event.Actor;
  const candidates = [id, attributes.image, event.Type === "image" ? attributes.name : undefined];
  return candidates.some(
    (name) => name !== undefined && (name === wanted || name.slice(0, name.lastIndexOf(":")) === wanted),
  );
}
