import type { Lease } from "../images/blobs.ts";
import { packLayer } from "../images/commit.ts";
import type { Digest } from "../oci/digest.ts";
import type { BuilderDeps } from "./deps.ts";
import type { StageState } from "./stage-state.ts";

type Layer = StageState["layers"][number];

/**
 * Makes layers in which nothing is newer than `epoch` (seconds since 1970), each once, whichever stage has it. Those of
 * a base image stay as they are: their digests are what others know them by.
 */
export class TimeRewriter {
  readonly #deps: BuilderDeps;
  readonly #epoch: number;
  readonly #lease: Lease;
  readonly #signal: AbortSignal;
  readonly #done = new Map<Digest, Layer>();

  constructor(deps: BuilderDeps, epoch: number, lease: Lease, signal: AbortSignal) {
    this.#deps = deps;
    this.#epoch = epoch;
    this.#lease = lease;
    this.#signal = signal;
  }

  async rewrite(state: StageState): Promise<StageState> {
    const layers: Layer[] = [];
    for (const [at, layer] of state.layers.entries()) {
      layers.push(at < state.base.layers ? layer : await this.#layer(layer));
    }
    return { ...state, layers };
  }

  async #layer({ diffId: old }: Layer): Promise<Layer> {
    const known = this.#done.get(old);
    if (known !== undefined) return known;
    const { layers } = this.#deps;
    const [lease, signal] = [this.#lease, this.#signal];
    const { layer, diffId } = await packLayer(this.#deps, layers.path(old), lease, signal, this.#epoch);
    await layers.unpack({ diffId, blob: layer.digest, signal });
    const made = { diffId, descriptor: layer };
    this.#done.set(old, made);
    return made;
  }
}
