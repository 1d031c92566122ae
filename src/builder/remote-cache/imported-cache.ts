import type { Digest } from "../../oci/digest.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import type { ContentReader } from "../content-reader.ts";

/** What a cache from elsewhere knows of a step. */
export interface ImportedResult {
  diffId: Digest;
  /** RFC 3339. */
  created: string;
  /** Where the layer can be had; undefined where the cache knows only what came of the step. */
  blob: { descriptor: Descriptor; reader: ContentReader } | undefined;
}

/** A folder of `RUN --mount=type=cache` that a cache has. */
export interface ImportedMount {
  descriptor: Descriptor;
  reader: ContentReader;
}

/** What one cache holds. */
export interface LoadedCache {
  results: ReadonlyMap<string, ImportedResult>;
  /** By the name of the folder. */
  mounts: ReadonlyMap<string, ImportedMount>;
  /** How many records it has that only BuildKit finds. */
  foreign: number;
}

/** Why nothing of a cache can be used, for whoever waits for it in vain; undefined where it can. */
export function uselessBecause({ results, mounts, foreign }: LoadedCache): string | undefined {
  if (foreign > 0) {
    return `its ${foreign} records were written by BuildKit, whose keys are digests of its own operations`;
  }
  if (results.size > 0 || mounts.size > 0) return undefined;
  return "it knows of no steps";
}

/** Results that a cache knows, and whose layers cannot be had (any more): the build has to go on without them. */
export class ResultsUnavailable extends Error {
  readonly results: readonly ImportedResult[];

  constructor(results: readonly ImportedResult[], options?: { cause: unknown }) {
    super(
      "layers that the imported cache knows of cannot be had: build without --cache-from, or hand it on with mode=max",
      options,
    );
    this.name = "ResultsUnavailable";
    this.results = results;
  }
}

/** The caches of `--cache-from`: they are read when something is not known here, and then those who ask wait. */
export class ImportedCache {
  readonly #load: () => Promise<readonly LoadedCache[]>;
  readonly #dropped = new Set<ImportedResult>();

  constructor(caches: readonly (() => Promise<LoadedCache>)[]) {
    let loading: Promise<readonly LoadedCache[]> | undefined;
    this.#load = () => {
      // One that cannot be read is as good as an empty one; whoever reads it has told why.
      loading ??= Promise.allSettled(caches.map((load) => load())).then((all) =>
        all.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])),
      );
      return loading;
    };
  }

  /** What came of a step with one of these keys; with a layer rather than without. */
  async find(keys: readonly string[]): Promise<ImportedResult | undefined> {
    if (keys.length === 0) return undefined;
    const found = (await this.#load())
      .flatMap(({ results }) => keys.flatMap((key) => results.get(key) ?? []))
      .filter((result) => !this.#dropped.has(result));
    return found.find(({ blob }) => blob !== undefined) ?? found[0];
  }

  async mount(name: string): Promise<ImportedMount | undefined> {
    return (await this.#load()).flatMap(({ mounts }) => mounts.get(name) ?? [])[0];
  }

  /** Forgets what turned out not to be there. */
  drop(results: readonly ImportedResult[]): void {
    for (const result of results) this.#dropped.add(result);
  }
}
