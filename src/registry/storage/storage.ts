/** An object that is open for reading; whoever has it closes it. */
export interface OpenObject extends AsyncDisposable {
  /** In bytes. */
  size: number;
  /** The bytes `start` to `end`, both inclusive, in pieces. */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
}

/**
 * Where a registry keeps bytes: keys with slashes, like paths. What is written is whole and durable when the promise
 * resolves. Objects that are arriving (`begin` … `commit`) are apart from those, and seen by all instances.
 */
export interface Storage {
  open(key: string): Promise<OpenObject | undefined>;
  /** A small object as a whole. */
  read(key: string): Promise<Buffer | undefined>;
  write(key: string, bytes: Uint8Array | string): Promise<void>;
  /** False when it was not there. */
  remove(key: string): Promise<boolean>;
  /** The keys that begin with `prefix`, which ends in a slash, in no order. */
  list(prefix: string): AsyncIterable<string>;

  /** Begins an object that will arrive in parts. */
  begin(key: string): Promise<void>;
  /** How many bytes have arrived, or undefined when nothing was begun there. */
  arrived(key: string): Promise<number | undefined>;
  /** Adds `pieces` at `position`, which is where the object ends; returns where it ends then. */
  append(key: string, position: number, pieces: AsyncIterable<Uint8Array>): Promise<number>;
  /** Forgets what arrived beyond `size`. */
  truncate(key: string, size: number): Promise<void>;
  /** What has arrived so far. */
  arriving(key: string, size: number): AsyncIterable<Uint8Array>;
  /** Makes what has arrived the object `to`, durably. */
  commit(key: string, to: string, size: number): Promise<void>;
  /** Forgets an arriving object; false when there is none. */
  cancel(key: string): Promise<boolean>;
  /** Forgets what was begun below `prefix` or half written, and not touched since `before` (milliseconds since 1970). */
  removeAbandoned(prefix: string, before: number): Promise<number>;
}
