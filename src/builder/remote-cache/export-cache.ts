import { rmSync } from "node:fs";
import { isEngineError } from "../../base/errors.ts";
import { bringBack } from "../../distribution/bring-back.ts";
import type { Lease } from "../../images/blobs.ts";
import { layerTypeOf } from "../../images/layer-type.ts";
import type { Digest } from "../../oci/digest.ts";
import { sha256Of } from "../../oci/digester.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import { type Compression, layerCompression, mediaTypes } from "../../oci/media-types.ts";
import type { Built } from "../build.ts";
import { portableKeys } from "../cache.ts";
import type { BuilderDeps } from "../deps.ts";
import { type LayerForm, reencodeLayer } from "../reencode-layer.ts";
import type { BuiltLayer } from "../stage-state.ts";
import { type CachedStep, type CacheLayer, encodeCacheConfig } from "./cache-config.ts";
import { type CacheWriter, contentOf, contentOfFile } from "./cache-writer.ts";
import { ResultsUnavailable } from "./imported-cache.ts";
import { stepsOf } from "./steps-of.ts";

/** How a cache is to look. */
export interface CacheForm extends LayerForm {
  /** `max`: the layers of all steps; `min`: those of the result, and of the other steps only what came of them. */
  mode: "min" | "max";
  /** An image's manifest, or an index. */
  imageManifest: boolean;
  /** With the folders of `RUN --mount=type=cache`. */
  mounts: boolean;
}

export interface ExportCacheRequest {
  builds: readonly Built[];
  form: CacheForm;
  writer: CacheWriter;
  lease: Lease;
  signal: AbortSignal;
  /** Shows a line for as long as `work` takes. */
  line: (text: string, work: () => Promise<void>) => Promise<void>;
}

/** More layers no manifest may have. */
const mostLayers = 480;

/**
 * Writes what builds have come to where other builders find it. The manifest comes last: what is cut off before is
 * nothing. Returns its descriptor; undefined where there is nothing to hand on. Throws what the place says.
 */
export async function exportCache(
  deps: BuilderDeps,
  request: ExportCacheRequest,
): Promise<Descriptor | undefined> {
  return new Exporter(deps, request).run();
}

class Exporter {
  readonly #deps: BuilderDeps;
  readonly #request: ExportCacheRequest;
  readonly #layers: CacheLayer[] = [];
  readonly #blobs: Descriptor[] = [];
  /** The place of a layer among them, by its diffId; none for one that cannot be had. */
  readonly #places = new Map<Digest, number>();
  /** One failure ends the rest. */
  readonly #stop = new AbortController();

  constructor(deps: BuilderDeps, request: ExportCacheRequest) {
    this.#deps = deps;
    this.#request = { ...request, signal: AbortSignal.any([request.signal, this.#stop.signal]) };
  }

  async run(): Promise<Descriptor | undefined> {
    const { builds, form, line } = this.#request;
    const ofResult = new Set(builds.flatMap(({ state }) => state.layers.map(({ diffId }) => diffId)));
    const known = stepsOf(builds).flatMap(({ keys, layer }) => {
      const portable = portableKeys(this.#deps.cache.keysLike(keys));
      return portable.length === 0 ? [] : [{ keys: portable, layer }];
    });
    const layers = known.map(({ layer }) => layer);
    await this.#writeAll(layers.filter(({ diffId }) => form.mode === "max" || ofResult.has(diffId)));
    const steps = known.map(({ keys, layer: { diffId, created } }): CachedStep => {
      return { keys, diffId, created, layer: this.#places.get(diffId) };
    });
    const mounts = form.mounts ? await this.#mounts() : [];
    if (this.#layers.length === 0 && mounts.length === 0) {
      await line("skipping cache export for empty result", async () => {});
      return undefined;
    }
    const config = encodeCacheConfig({ layers: this.#layers, steps, mounts });
    return this.#documents(config);
  }

  /** Sends the layers, side by side, and gives each that is there a place. */
  async #writeAll(layers: readonly BuiltLayer[]): Promise<void> {
    const unique = [...new Map(layers.map((layer) => [layer.diffId, layer])).values()].slice(0, mostLayers);
    const failures: unknown[] = [];
    const written = await Promise.all(
      unique.map((layer) =>
        this.#write(layer).catch((error: unknown) => {
          failures.push(error);
          this.#stop.abort();
          return undefined;
        }),
      ),
    );
    if (failures.length > 0) throw failures[0];
    for (const [at, { diffId, created }] of unique.entries()) {
      const descriptor = written[at];
      if (descriptor === undefined) continue;
      this.#places.set(diffId, this.#layers.length);
      this.#layers.push({ diffId, descriptor, created });
      this.#blobs.push({
        ...descriptor,
        annotations: { "buildkit/createdat": created, "containerd.io/uncompressed": diffId },
      });
    }
  }

  /** Undefined where the layer is known only by name. */
  async #write(layer: BuiltLayer): Promise<Descriptor | undefined> {
    const { writer, form, signal } = this.#request;
    const { descriptor, fetch } = layer;
    const isTyped = layerCompression(descriptor.mediaType) !== undefined;
    if (fetch !== undefined && isTyped && !form.force && (await writer.has(descriptor.digest, signal))) {
      return { ...descriptor, mediaType: this.#typeOf(layerCompression(descriptor.mediaType) ?? "none") };
    }
    if (!(await this.#isHere(layer))) return undefined;
    return this.#compressed(descriptor);
  }

  async #isHere({ descriptor, fetch }: BuiltLayer): Promise<boolean> {
    const { blobs, transport } = this.#deps;
    const { signal } = this.#request;
    try {
      await fetch?.();
      await bringBack({ transport, blobs, signal }, descriptor.digest);
    } catch (error) {
      if (error instanceof ResultsUnavailable || isEngineError(error, "unavailable")) return false;
      throw error;
    }
    return blobs.has(descriptor.digest);
  }

  async #compressed(layer: Descriptor): Promise<Descriptor> {
    const { form, lease, signal } = this.#request;
    const { descriptor, file } = await reencodeLayer(this.#deps, layer, form, { lease, signal });
    try {
      return await this.#send(descriptor, file);
    } finally {
      if (file !== undefined) rmSync(file, { force: true });
    }
  }

  /** Sends a layer, from the store or from a file. */
  async #send(sent: Descriptor, file: string | undefined): Promise<Descriptor> {
    const { writer, signal, line } = this.#request;
    const { blobs } = this.#deps;
    const { digest } = sent;
    const content =
      file === undefined ? (offset: number) => blobs.stream(digest, offset) : contentOfFile(file);
    await line(`writing layer ${digest}`, () => writer.blob(sent, content, signal));
    return sent;
  }

  #typeOf(compression: Compression): string {
    return layerTypeOf(compression, this.#request.form.ociTypes ? "oci" : "docker");
  }

  /** Each folder as a tar of its own. */
  async #mounts(): Promise<{ name: string; blob: Digest }[]> {
    const { builds, signal, line } = this.#request;
    const { blobs, cacheMounts, workers } = this.#deps;
    const sent: { name: string; blob: Digest }[] = [];
    for (const name of new Set(builds.flatMap(({ record }) => [...record.cacheMounts]))) {
      const taken = await cacheMounts.hold(name, signal);
      if (taken === undefined) continue;
      const [tar, output] = [blobs.temporaryPath(), blobs.temporaryPath()];
      try {
        await line(`writing cache mount ${name}`, async () => {
          await workers.run("pack", { directory: taken.directory, kind: "tree", output: tar }, { signal });
          // Others may have it from now on: what is sent is a copy.
          taken.release();
          const { digest, size } = await workers.run("gzip", { path: tar, output }, { signal });
          const blob = { mediaType: this.#typeOf("gzip"), digest, size };
          await this.#request.writer.blob(blob, contentOfFile(output), signal);
          this.#blobs.push(blob);
          sent.push({ name, blob: digest });
        });
      } finally {
        taken.release();
        for (const path of [tar, output]) rmSync(path, { force: true });
      }
    }
    return sent;
  }

  async #documents(config: Buffer): Promise<Descriptor> {
    const { form, writer, signal, line } = this.#request;
    const { imageManifest, ociTypes } = form;
    const digest = sha256Of(config);
    const described = { mediaType: mediaTypes.buildkitCache, digest, size: config.length };
    await line(`writing config ${digest}`, () => writer.blob(described, contentOf(config), signal));
    const blobs = [...new Map(this.#blobs.map((blob) => [blob.digest, blob])).values()];
    const mediaType = imageManifest
      ? mediaTypes.ociManifest
      : ociTypes
        ? mediaTypes.ociIndex
        : mediaTypes.dockerList;
    const parts = imageManifest ? { config: described, layers: blobs } : { manifests: [...blobs, described] };
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...parts }));
    const manifest = { bytes, mediaType, digest: sha256Of(bytes) };
    const kind = imageManifest ? "cache image manifest" : "cache manifest";
    await line(`writing ${kind} ${manifest.digest}`, () => writer.manifest(manifest, signal));
    return { mediaType, digest: manifest.digest, size: bytes.length };
  }
}
