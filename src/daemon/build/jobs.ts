import { notFound, notImplemented } from "../../base/errors.ts";
import type { StageState } from "../../builder/stage-state.ts";
import type { Evaluated } from "./evaluate.ts";
import type { Job } from "./job.ts";
import { resultIn } from "./result-definition.ts";

/** How long a question about a build waits for the build: they come at the same time. Milliseconds. */
const patience = 5000;

/** How many results are kept for those who want to build on them; their layers are in the cache of builds. */
const maxResults = 256;

/** The builds of the control API that are under way, by the name that the client has given them. */
export class Jobs {
  readonly #results = new Map<string, Evaluated>();
  readonly #running = new Map<string, Job>();
  readonly #waiting = new Map<string, Set<(job: Job) => void>>();

  /** Keeps a result for the client to build on it, in this build or in the next one. */
  keep(id: string, result: Evaluated): void {
    this.#results.set(id, result);
    const [oldest] = this.#results.keys();
    if (this.#results.size > maxResults && oldest !== undefined) this.#results.delete(oldest);
  }

  result(id: string): Evaluated | undefined {
    return this.#results.get(id);
  }

  /** The stages that the inputs of a frontend stand for, by name. Throws `notImplemented` for LLB of others. */
  inputs(definitions: Readonly<Record<string, { def: readonly Uint8Array[] }>>) {
    const states = new Map<string, StageState>();
    for (const [name, definition] of Object.entries(definitions)) {
      const id = resultIn(definition);
      if (id === undefined)
        throw notImplemented(`input ${name}: LLB is not supported: only Dockerfiles are built`);
      const result = this.result(id);
      if (result === undefined) throw notFound(`input ${name}: its build is not known any more`);
      states.set(name, result.built.state);
    }
    return (name: string) => states.get(name);
  }

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
