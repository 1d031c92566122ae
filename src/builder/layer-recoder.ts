import { rmSync } from "node:fs";
import { unavailable } from "../base/errors.ts";
import { bringBack } from "../distribution/bring-back.ts";
import type { Lease } from "../images/leases.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { BuilderDeps } from "./deps.ts";
import { type LayerForm, reencodeLayer } from "./reencode-layer.ts";
import type { StageLayer, StageState } from "./stage-state.ts";

/** Gives layers the form that an output asks for, each once, whichever stage has it. They are kept by `lease`. */
export class LayerRecoder {
  /** What has another form now, by the digest that it had. */
  readonly replaced = new Map<Digest, Descriptor>();
  readonly #deps: BuilderDeps;
  readonly #form: LayerForm;
  readonly #lease: Lease;
  readonly #signal: AbortSignal;

  constructor(deps: BuilderDeps, form: LayerForm, lease: Lease, signal: AbortSignal) {
    this.#deps = deps;
    this.#form = form;
    this.#lease = lease;
    this.#signal = signal;
  }

  /** Throws `unavailable` where a layer cannot be had any more. */
  async recode(state: StageState): Promise<StageState> {
    const layers: StageLayer[] = [];
    for (const { diffId, descriptor } of state.layers) {
      layers.push({ diffId, descriptor: await this.#layer(descriptor) });
    }
    return { ...state, layers };
  }

  async #layer(layer: Descriptor): Promise<Descriptor> {
    const known = this.replaced.get(layer.digest);
    if (known !== undefined) return known;
    const { blobs, transport } = this.#deps;
    const [lease, signal] = [this.#lease, this.#signal];
    await bringBack({ transport, blobs, signal }, layer.digest);
    if (!blobs.has(layer.digest)) throw unavailable(`the layer ${layer.digest} is not here any more`);
    const { descriptor, file } = await reencodeLayer(this.#deps, layer, this.#form, { lease, signal });
    lease.add(descriptor.digest);
    if (file !== undefined) {
      try {
        blobs.adopt(file, descriptor);
      } catch (error) {
        rmSync(file, { force: true });
        throw error;
      }
    }
    this.replaced.set(layer.digest, descriptor);
    return descriptor;
  }
}
