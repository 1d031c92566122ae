import type { Digest } from "../oci/digest.ts";
import type { LeaseTable } from "../store/images.ts";

/** Keeps what is used from being swept. Disposing is releasing. */
export interface Lease extends Disposable {
  /** Keeps blobs and layers with these digests; they need not exist yet. */
  add(...digests: readonly Digest[]): void;
  /** The work is done: the next sweep takes what nothing else refers to. */
  release(): void;
}

/** For work that nobody goes on with when this process ends. */
export class HeldLease implements Lease {
  readonly digests = new Set<Digest>();
  readonly #all: Set<HeldLease>;

  /** It is in `all` until it is released. */
  constructor(all: Set<HeldLease>) {
    this.#all = all;
    all.add(this);
  }

  add(...digests: readonly Digest[]): void {
    for (const digest of digests) this.digests.add(digest);
  }

  release(): void {
    this.#all.delete(this);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** For work that another attempt continues, after a crash too. */
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
