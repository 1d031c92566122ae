import { notFound } from "../../base/errors.ts";
import type { Job } from "./job.ts";

/** How long a question about a build waits for the build: they come at the same time. Milliseconds. */
const patience = 5000;

/** The builds of the control API that are under way, by the name that the client has given them. */
export class Jobs {
  readonly #running = new Map<string, Job>();
  readonly #waiting = new Map<string, Set<(job: Job) => void>>();

  add(ref: string, job: Job): void {
    this.#running.set(ref, job);
    for (const found of this.#waiting.get(ref) ?? []) found(job);
  }

  delete(ref: string): void {
    this.#running.delete(ref);
  }

  /** The build called `ref`, once it has begun. Throws `notFound` when it does not. */
  async find(ref: string): Promise<Job> {
    const known = this.#running.get(ref);
    if (known !== undefined) return known;
    const { promise, resolve, reject } = Promise.withResolvers<Job>();
    const waiting = this.#waiting.get(ref) ?? new Set();
    this.#waiting.set(ref, waiting.add(resolve));
    const late = setTimeout(() => reject(notFound(`no such job ${ref}`)), patience);
    try {
      return await promise;
    } finally {
      clearTimeout(late);
      waiting.delete(resolve);
      if (waiting.size === 0) this.#waiting.delete(ref);
    }
  }
}
