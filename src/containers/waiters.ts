export type WaitCondition = "not-running" | "next-exit" | "removed";
export interface WaitResult {
  exitCode: number;
  /** Why the container could not be removed or waited for. */
  error?: string;
}

/** Those who wait for a container's exit or removal. */
export class Waiters {
  #exit = new Map<string, Set<(result: WaitResult) => void>>();
  #removal = new Map<string, Set<(result: WaitResult) => void>>();

  /** The next exit, or the removal. Gives up silently (never settles) when `signal` fires. */
  wait(id: string, what: "exit" | "removal", signal: AbortSignal): Promise<WaitResult> {
    const table = what === "exit" ? this.#exit : this.#removal;
    return new Promise((resolve) => {
      const waiting = table.get(id) ?? new Set();
      table.set(id, waiting);
      waiting.add(resolve);
      const giveUp = () => {
        waiting.delete(resolve);
        if (waiting.size === 0 && table.get(id) === waiting) table.delete(id);
      };
      signal.addEventListener("abort", giveUp, { once: true });
    });
  }

  exited(id: string, result: WaitResult): void {
    settle(this.#exit, id, result);
  }

  /** Nobody will see another exit of it either. */
  removed(id: string, result: WaitResult): void {
    settle(this.#exit, id, result);
    settle(this.#removal, id, result);
  }
}

function settle(table: Map<string, Set<(result: WaitResult) => void>>, id: string, result: WaitResult): void {
  const waiting = table.get(id);
  table.delete(id);
  for (const resolve of waiting ?? []) resolve(result);
}
