import { messageOf } from "./errors.ts";

type Cleanup = () => void | Promise<void>;

/**
 * Owns what was opened or made, and undoes it in reverse order. A step that fails does not keep the others from
 * being undone: the failures are collected and thrown together at the end (`AggregateError`).
 *
 * Use: `await using undo = new Cleanups(); undo.add(() => close(fd)); …; undo.keep();`
 */
export class Cleanups implements AsyncDisposable {
  #steps: Cleanup[] = [];

  /** Registers a step; call it at once after what it undoes. */
  add(step: Cleanup): void {
    this.#steps.push(step);
  }

  /** All went well: nothing will be undone. Returns the steps, for an owner that lives longer. */
  keep(): Cleanup[] {
    const steps = this.#steps;
    this.#steps = [];
    return steps;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await runCleanups(this.keep());
  }
}

/** Runs `steps` last to first, all of them, and throws what failed. */
export async function runCleanups(steps: readonly Cleanup[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps.toReversed()) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, failures.map(messageOf).join("; "));
}
