import type { EventMessage } from "../api/system.ts";
import { AsyncQueue, Emitter } from "../base/async.ts";
import type { Clock } from "../base/clock.ts";
import type { Filters } from "../base/filters.ts";
import { matchesFilters } from "./event-filters.ts";
import type { EventJournal } from "./event-journal.ts";

/** What happened to one object, in the shape of `GET /events`. Times are Unix seconds and nanoseconds. */
export interface EngineEvent {
  Type: EventMessage["Type"];
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  scope: "local";
  time: number;
  /** Later than that of every event before it, so that the order can be told from it. */
  timeNano: bigint;
}

/** What is asked of the events. Times in nanoseconds since 1970. */
export interface EventQuery {
  since?: bigint | undefined;
  until?: bigint | undefined;
  filters: Filters;
  signal: AbortSignal;
}

/** Everything that happens, told to whoever listens, and from the journal to who comes late. */
export class EventBus {
  #journal: EventJournal;
  #emitter = new Emitter<EngineEvent>();
  #clock: Clock;
  #last = 0n;

  constructor(clock: Clock, journal: EventJournal) {
    this.#clock = clock;
    this.#journal = journal;
  }

  /** How many listen now. */
  get listeners(): number {
    return this.#emitter.size;
  }

  emit(type: EngineEvent["Type"], action: string, id: string, attributes: Record<string, string> = {}): void {
    const now = this.#clock.nowNanos();
    const timeNano = now > this.#last ? now : this.#last + 1n;
    this.#last = timeNano;
    const event: EngineEvent = {
      Type: type,
      Action: action,
      Actor: { ID: id, Attributes: attributes },
      scope: "local",
      time: Number(timeNano / 1_000_000_000n),
      timeNano,
    };
    this.#journal.append(encode(event));
    this.#emitter.emit(event);
  }

  /**
   * Past events from `since` (or all of them, when only `until` is given), then those that come, until `until` or
   * `signal`. Listening has begun when this returns.
   */
  listen(query: EventQuery): AsyncGenerator<EngineEvent> {
    const queue = new AsyncQueue<EngineEvent>();
    const listening = this.#emitter.on((event) => queue.push(event));
    // Nothing comes between the two: what is past now is not in the queue.
    return follow(query, this.#past(query), queue, listening, this.#clock);
  }

  #past({ since, until, filters }: EventQuery): EngineEvent[] {
    if (since === undefined && until === undefined) return [];
    return this.#journal
      .lines()
      .flatMap(decode)
      .filter(({ timeNano }) => timeNano >= (since ?? 0n) && timeNano <= (until ?? timeNano))
      .filter((event) => matchesFilters(event, filters));
  }
}

async function* follow(
  { until, filters, signal }: EventQuery,
  past: readonly EngineEvent[],
  queue: AsyncQueue<EngineEvent>,
  listening: Disposable,
  clock: Clock,
): AsyncGenerator<EngineEvent> {
  using _ = listening;
  const stop = () => queue.end();
  signal.addEventListener("abort", stop, { once: true });
  const left = until === undefined ? undefined : Number((until - clock.nowNanos()) / 1_000_000n);
  const timer = left === undefined ? undefined : setTimeout(stop, Math.min(Math.max(0, left), longestTimer));
  try {
    yield* past;
    if (signal.aborted || (left !== undefined && left <= 0)) return;
    for await (const event of queue) if (matchesFilters(event, filters)) yield event;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

/** setTimeout(3) of the runtime takes 31 bits. */
const longestTimer = 2 ** 31 - 1;

function encode({ timeNano, ...event }: EngineEvent): string {
  return JSON.stringify({ ...event, timeNano: String(timeNano) });
}

/** A line that is damaged is left out. */
function decode(line: string): EngineEvent[] {
  try {
    const { timeNano, ...event } = JSON.parse(line) as Omit<EngineEvent, "timeNano"> & { timeNano: string };
    return [{ ...event, timeNano: BigInt(timeNano) }];
  } catch {
    return [];
  }
}
