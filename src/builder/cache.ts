import { createHash } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import { newId } from "../base/ids.ts";
import type { LayerStore } from "../images/layers.ts";
import type { Digest } from "../oci/digest.ts";
import type { BuildCacheRow, BuildCacheTable, BuildCacheUse } from "../store/build-cache.ts";
import type { BuiltLayer } from "./stage-state.ts";

/** A name for what goes into a step: the same for the same content, on every machine. */
export function cacheKey(...parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/** Begins keys by which only this machine knows a step: what stands for a client's folder, not for its content. */
const localPrefix = "local:";

/** A key of parts that may be keys themselves: of this machine only, as soon as one of them is. */
export function joinedKey(keys: readonly string[], ...rest: readonly unknown[]): string {
  const key = cacheKey(...rest, ...keys);
  return keys.some((one) => one.startsWith(localPrefix)) ? localPrefix + key : key;
}

export const localKey = (key: string): string => localPrefix + key;

/** Those keys that mean the same on every machine. */
export function portableKeys(keys: readonly string[]): string[] {
  return keys.filter((key) => !key.startsWith(localPrefix));
}

/** The results of earlier steps: each has keys, and a layer. */
export class BuildCache {
  readonly #table: BuildCacheTable;
  readonly #layers: Pick<LayerStore, "has">;
  readonly #clock: Clock;
  /** Results that were used since that was written down, by their ids. */
  readonly #used = new Map<string, BuildCacheUse>();

  constructor(table: BuildCacheTable, layers: Pick<LayerStore, "has">, clock: Clock) {
    this.#table = table;
    this.#layers = layers;
    this.#clock = clock;
  }

  /** The result of a step with one of these keys; all of them find it from now on. */
  find(keys: readonly string[]): BuiltLayer | undefined {
    for (const key of keys) {
      const row = this.#table.find(key);
      if (row === undefined || !this.#layers.has(row.diffId)) continue;
      const uses = (this.#used.get(row.id)?.uses ?? 0) + 1;
      this.#used.set(row.id, { id: row.id, uses, used: this.#clock.now() });
      const others = keys.filter((other) => other !== key);
      if (others.length > 0) this.#table.alias(row.id, others);
      return toLayer(row);
    }
    return undefined;
  }

  put(layer: BuiltLayer, keys: readonly string[], description: string): void {
    const { diffId, descriptor, bytes, created } = layer;
    this.#table.put(
      {
        id: newId().slice(0, 25),
        kind: "regular",
        description,
        parent: "",
        diffId,
        blob: descriptor.digest,
        mediaType: descriptor.mediaType,
        blobSize: descriptor.size,
        size: bytes,
        created,
        used: this.#clock.now(),
        uses: 0,
      },
      keys,
    );
  }

  /** All keys that find what one of `keys` finds, and `keys` themselves. */
  keysLike(keys: readonly string[]): string[] {
    return [...new Set(keys.flatMap((key) => [key, ...this.#table.keysLike(key)]))];
  }

  /** Writes down what was used, in one step: to be called at the end of a build. */
  recordUses(): void {
    const uses = [...this.#used.values()];
    this.#used.clear();
    if (uses.length > 0) this.#table.addUses(uses);
  }

  list(): BuildCacheRow[] {
    this.recordUses();
    return this.#table.all();
  }

  delete(id: string): void {
    this.#table.delete(id);
  }

  /** The blobs and layers that must not be swept. */
  digests(): Digest[] {
    return this.#table.all().flatMap(({ diffId, blob }) => [diffId, blob]);
  }
}

function toLayer(row: BuildCacheRow): BuiltLayer {
  return {
    diffId: row.diffId,
    descriptor: { mediaType: row.mediaType, digest: row.blob, size: row.blobSize },
    bytes: row.size,
    created: row.created,
  };
}
