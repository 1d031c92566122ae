/** A removal that waits for the end of a container. */
export interface Removal {
  /** Its anonymous volumes go with it. */
  readonly volumes: boolean;
  /** Settles when nothing can be seen of the container any more; undefined until its end has removed it. */
  readonly gone: Promise<void> | undefined;
  finish(gone: Promise<void>): void;
}

/** Running containers that are being killed to be removed: their ends remove them, as with `--rm`. */
export class Removals {
  readonly #wanted = new Map<string, Removal>();

  /** From now on the end of the container removes it, until the removal is disposed of. */
  want(id: string, volumes: boolean): Removal & Disposable {
    const wanted = this.#wanted;
    const removal = {
      volumes,
      gone: undefined as Promise<void> | undefined,
      finish(gone: Promise<void>) {
        removal.gone = gone;
      },
      [Symbol.dispose]() {
        if (wanted.get(id) === removal) wanted.delete(id);
      },
    };
    wanted.set(id, removal);
    return removal;
  }

  of(id: string): Removal | undefined {
    return this.#wanted.get(id);
  }
}
