import type { Digest } from "../oci/digest.ts";
import type { LeaseTable } from "../store/images.ts";

/** Keeps what is used from being swept. Disposing is releasing. */
export interface Lease extends Disposable {
  readonly id: string;
  /** Keeps blobs and layers with these digests; they need not exist yet. */
  add(...digests: readonly Digest[]): void;
  /** The work is done: the next sweep takes what nothing else refers to. */
  release(): void;
}

export class StoredLease implements Lease {
  readonly id: string;
  readonly #table: LeaseTable;

  /** `expires`: milliseconds since 1970. */
  constructor(table: LeaseTable, id: string, expires: number) {
    this.id = id;
    this.#table = table;
    table.put(id, expires);
  }

  add(...digests: readonly Digest[]): void {
    this.#table.add(this.id, digests);
  }

  release(): void {
    this.#table.delete(this.id);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
