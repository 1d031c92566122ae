import { Emitter } from "../../base/async.ts";
import type { Exit } from "./protocol.ts";

/** A container may have any number of execs in its life. */
const longestMemory = 10_000;

/**
 * Exits, each told once, whether it comes as an event or is found in the list of a supervisor that was reconnected to.
 * What comes before anybody listens is told to the first who does.
 */
export class ExitStream extends Emitter<Exit> {
  #told = new Set<string>();
  #early: Exit[] | undefined = [];

  override on(listener: (exit: Exit) => void): Disposable {
    const listening = super.on(listener);
    const early = this.#early ?? [];
    this.#early = undefined;
    queueMicrotask(() => {
      for (const exit of early) super.emit(exit);
    });
    return listening;
  }

  /** True when the exit of that process has been told: it may come right behind the answer to its start. */
  has(process: Pick<Exit, "id" | "execId" | "pid">): boolean {
    return this.#told.has(keyOf(process));
  }

  override emit(exit: Exit): void {
    const key = keyOf(exit);
    if (this.#told.has(key)) return;
    this.#told.add(key);
    if (this.#told.size > longestMemory) this.#forgetOldest();
    if (this.#early) this.#early.push(exit);
    else super.emit(exit);
  }

  #forgetOldest(): void {
    for (const oldest of this.#told) {
      this.#told.delete(oldest);
      return;
    }
  }

  /** The container is gone: nobody will tell of it again. */
  forget(id: string): void {
    for (const key of this.#told) if (key.startsWith(`${id}/`)) this.#told.delete(key);
  }
}

function keyOf({ id, execId = "", pid }: Pick<Exit, "id" | "execId" | "pid">): string {
  return `${id}/${execId}/${pid}`;
}
