import { humanSize } from "../base/units.ts";

/**
 * One line of the JSON stream that `POST /images/create` and its like answer with. `progress` is the bar, drawn for
 * clients that do not draw it themselves.
 */
export interface ProgressMessage {
  status?: string;
  progressDetail?: { current?: number; total?: number };
  progress?: string;
  /** The first 12 digits of a layer's digest, or the tag that is pulled. */
  id?: string;
  aux?: unknown;
}

export type ProgressSink = (message: ProgressMessage) => void;

const barWidth = 50;

/** `[=====>      ]  1.2MB/3MB`: what Docker's clients show, for `current` of `total` bytes (0: not known). */
export function progressBar(current: number, total: number): string {
  if (current <= 0 && total <= 0) return "";
  const now = humanSize(current).padStart(8);
  if (total <= 0) return now;
  const done = Math.max(0, Math.min(barWidth, Math.floor((current / total) * barWidth)));
  const bar = `[${"=".repeat(done)}>${" ".repeat(barWidth - done)}]`;
  return current > total ? `${bar} ${now}` : `${bar} ${now}/${humanSize(total)}`;
}

/** A line about one layer without numbers: `Pulling fs layer`, `Pull complete`. */
export function layerStatus(id: string, status: string): ProgressMessage {
  return { status, progressDetail: {}, id };
}

/** A line about one layer with numbers: `Downloading`, `Extracting`, `Pushing`. */
export function layerProgress(id: string, status: string, current: number, total: number): ProgressMessage {
  return { status, progressDetail: { current, total }, progress: progressBar(current, total), id };
}

const leastMillis = 100;

/**
 * Passes on the progress of one thing only so often that people can follow: every 100 ms and every 512 KB (1 % of small
 * things), and the end always.
 */
export class ProgressMeter {
  readonly #emit: (current: number) => void;
  readonly #total: number;
  readonly #step: number;
  readonly #now: () => number;
  #lastAt = Number.NEGATIVE_INFINITY;
  #last = Number.NEGATIVE_INFINITY;

  constructor(total: number, emit: (current: number) => void, now: () => number = () => performance.now()) {
    this.#emit = emit;
    this.#total = total;
    this.#step = total > 0 ? Math.min(512 * 1024, total / 100) : 512 * 1024;
    this.#now = now;
  }

  update(current: number): void {
    if (current === this.#last) return;
    const time = this.#now();
    const due = current - this.#last >= this.#step && time - this.#lastAt >= leastMillis;
    if (!due && current < this.#total) return;
    this.#last = current;
    this.#lastAt = time;
    this.#emit(current);
  }
}
