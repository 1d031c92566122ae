import { isEngineError, messageOf } from "../../base/errors.ts";
import type { Client } from "../../client/client.ts";
import { StatusError } from "../exit.ts";
import { rowOf, type StatsRow, unknownRow } from "./stats-rows.ts";

/** Follows what containers use; those that are named, or all that there are. */
export class StatsBoard implements Disposable {
  readonly #client: Client;
  readonly #once: boolean;
  readonly #rows = new Map<string, StatsRow>();
  readonly #arrivals: Promise<void>[] = [];
  readonly #stop = new AbortController();
  readonly #failures: string[] = [];
  #watching = false;

  constructor(client: Client, once: boolean) {
    this.#client = client;
    this.#once = once;
  }

  /** Begins to follow one container. */
  add(container: string): void {
    if (this.#rows.has(container)) return;
    this.#rows.set(container, unknownRow(container));
    const arrived = Promise.withResolvers<void>();
    this.#arrivals.push(arrived.promise);
    this.#follow(container, arrived.resolve).catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#failures.push(messageOf(error));
      // A container that is gone has no line; others show that they say nothing.
      if (isEngineError(error, "notFound")) this.#rows.delete(container);
      else
        this.#rows.set(container, { ...(this.#rows.get(container) ?? unknownRow(container)), known: false });
      arrived.resolve();
    });
  }

  async #follow(container: string, arrived: () => void): Promise<void> {
    const samples = await this.#client.messages("ContainerStats", {
      params: { id: container },
      query: { stream: !this.#once },
      signal: this.#stop.signal,
    });
    for await (const sample of samples) {
      this.#rows.set(container, rowOf(container, sample));
      arrived();
    }
    arrived();
    if (!this.#once) this.#end(container);
  }

  /** One that was named keeps its line when it is gone, without numbers. */
  #end(container: string): void {
    const row = this.#rows.get(container);
    if (row && !this.#watching) this.#rows.set(container, { ...row, known: false });
    else this.#rows.delete(container);
  }

  /** Follows all containers (with `all`, those that do not run too), and those that come later. */
  async followAll(all: boolean): Promise<void> {
    if (!this.#once) {
      this.#watching = true;
      const filters = { type: ["container"], event: ["create", "start", "die", "destroy"] };
      const events = await this.#client.messages("SystemEvents", {
        query: { filters },
        signal: this.#stop.signal,
      });
      (async () => {
        for await (const { Action, Actor } of events) {
          const id = Actor.ID.slice(0, 12);
          if (Action === "start" || (all && Action === "create")) this.add(id);
          else if (Action === "destroy" || (Action === "die" && !all)) this.#rows.delete(id);
        }
      })().catch((error: unknown) => {
        if (!this.#stop.signal.aborted) this.#failures.push(messageOf(error));
        this.#watching = false;
      });
    }
    for (const { Id } of await this.#client.call("ContainerList", { query: { all } }))
      this.add(Id.slice(0, 12));
  }

  /** Resolves when each container has given its first numbers. */
  async first(): Promise<void> {
    await Promise.all(this.#arrivals);
    if (!this.#watching) this.throwFailure();
  }

  rows(): StatsRow[] {
    return [...this.#rows.values()];
  }

  /** True when no container is left to follow, and none can come. */
  get ended(): boolean {
    return this.#rows.size === 0 && !this.#watching;
  }

  throwFailure(): void {
    if (this.#failures.length > 0) throw new StatusError(1, this.#failures.join("\n"));
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }
}
