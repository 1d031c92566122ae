import { cancelled, invalidArgument } from "../base/errors.ts";
import { shortId } from "../base/ids.ts";
import type { Digest } from "../oci/digest.ts";
import {
  type Descriptor,
  type Index,
  isIndex,
  maxManifestSize,
  parseManifestOrIndex,
} from "../oci/manifest.ts";
import { isIndexType } from "../oci/media-types.ts";
import { type Platform, platformDistance } from "../oci/platform.ts";
import { familiarString, parseReference, type Reference, withDefaultTag } from "../oci/reference.ts";
import type { BlobStore, Lease } from "./blobs.ts";
import type { ImageContent, Variant } from "./content.ts";
import { EarlyUnpack } from "./early-unpack.ts";
import type { ImageEventSink } from "./image-events.ts";
import type { ImageStore } from "./images.ts";
import type { LayerStore } from "./layers.ts";
import { type ArchiveFiles, readArchive } from "./load-archive.ts";
import { type DockerArchiveImage, dockerManifestOf, fromDockerArchive } from "./load-docker.ts";

/** What Docker's clients are told while an archive is loaded (a stream of JSON messages). */
export type LoadMessage =
  | { stream: string }
  | { status: string; id: string; progressDetail: { current?: number; total?: number } };

export interface LoadOptions {
  /** Only this platform of images that have several. */
  platform?: Platform | undefined;
  /** Tells only the results. */
  quiet?: boolean | undefined;
  signal?: AbortSignal | undefined;
  onMessage?: ((message: LoadMessage) => void) | undefined;
}

export interface LoadTarget {
  blobs: BlobStore;
  layers: LayerStore;
  content: ImageContent;
  images: Pick<ImageStore, "put" | "ensureUnpacked">;
  host: Platform;
  onEvent: ImageEventSink;
}

/** An image of an archive, with the names that the archive gives it. */
interface Candidate {
  target: Descriptor;
  references: Reference[];
}

export interface Loaded {
  id: Digest;
  /** Familiar names; none when the archive gives none. */
  names: string[];
}

/**
 * `docker load`: reads an archive in the form of an OCI image layout, of Docker's older one, or both; and unpacks what
 * this host can run. Throws `invalidArgument` for what is no such archive; what was read until then is swept later.
 */
export async function loadImages(
  store: LoadTarget,
  chunks: AsyncIterable<Uint8Array>,
  options: LoadOptions = {},
): Promise<Loaded[]> {
  using lease = store.blobs.lease();
  const tell = options.onMessage ?? (() => {});
  const progress = options.quiet ? () => {} : tell;
  await using early = new EarlyUnpack(store, lease);
  const files = await readArchive(
    store.blobs,
    lease,
    abortable(chunks, options.signal),
    (name, size, content) => counted(content, name, size, progress),
    (blob, named) => early.take(blob, named),
  );
  await early.settled();
  const loaded: Loaded[] = [];
  for (const candidate of candidatesOf(store.blobs, files)) {
    loaded.push(await take(store, lease, candidate, options));
  }
  for (const { id, names } of loaded) {
    if (names.length === 0) tell({ stream: `Loaded image ID: ${id}\n` });
    for (const name of names) tell({ stream: `Loaded image: ${name}\n` });
  }
  return loaded;
}

function candidatesOf(blobs: BlobStore, files: ArchiveFiles): Candidate[] {
  const docker = dockerManifestOf(blobs, files);
  const index = files.get("index.json");
  if (index) {
    const parsed = parseManifestOrIndex(blobs.read(index.digest, maxManifestSize), "");
    if (!isIndex(parsed)) throw invalidArgument("invalid archive: index.json is not an index");
    return fromIndex(blobs, parsed, docker ?? []);
  }
  if (!docker) throw invalidArgument("invalid archive: neither index.json nor manifest.json is there");
  return docker.map((image) => ({
    target: fromDockerArchive(blobs, files, image).target,
    references: image.repoTags.map((tag) => withDefaultTag(parseReference(tag))),
  }));
}

/** The same image under several names stands there once for each. */
function fromIndex(blobs: BlobStore, index: Index, docker: readonly DockerArchiveImage[]): Candidate[] {
  const candidates = new Map<Digest, Candidate>();
  for (const descriptor of index.manifests) {
    if (!blobs.has(descriptor.digest)) continue;
    const { annotations, platform: _, ...target } = descriptor;
    const candidate: Candidate = candidates.get(target.digest) ?? { target, references: [] };
    candidates.set(target.digest, candidate);
    const named = nameOf(annotations ?? {});
    if (named) candidate.references.push(named);
  }
  for (const candidate of candidates.values()) {
    if (candidate.references.length === 0)
      candidate.references = dockerNames(blobs, candidate.target, docker);
  }
  if (candidates.size === 0) throw invalidArgument("invalid archive: it has no image");
  return [...candidates.values()];
}

function nameOf(annotations: Readonly<Record<string, string>>): Reference | undefined {
  const full = annotations["io.containerd.image.name"];
  if (full !== undefined) return withDefaultTag(parseReference(full));
  // The layout's own annotation is mostly a bare tag, which names no image.
  const name = annotations["org.opencontainers.image.ref.name"] ?? "";
  return /[:/]/.test(name) ? withDefaultTag(parseReference(name)) : undefined;
}

/** The names that the archive's manifest.json has for the image, which it knows by its configuration. */
function dockerNames(
  blobs: BlobStore,
  target: Descriptor,
  docker: readonly DockerArchiveImage[],
): Reference[] {
  if (isIndexType(target.mediaType)) return [];
  const manifest = parseManifestOrIndex(blobs.read(target.digest, maxManifestSize));
  const hex = isIndex(manifest) ? undefined : manifest.config.digest.split(":")[1];
  const image = docker.find(({ config }) => hex !== undefined && config.includes(hex));
  return (image?.repoTags ?? []).map((tag) => withDefaultTag(parseReference(tag)));
}

async function take(
  store: LoadTarget,
  lease: Lease,
  { target, references }: Candidate,
  options: LoadOptions,
): Promise<Loaded> {
  lease.add(target.digest);
  const all = store.content.variants(target.digest).filter(({ complete }) => complete);
  const variant = best(all, options.platform ?? store.host);
  if (!variant || (options.platform && distance(variant, options.platform) === undefined)) {
    throw invalidArgument("invalid archive: an image is not complete for any platform that was asked for");
  }
  const { manifest, config } = variant;
  if (config && distance(variant, store.host) !== undefined) {
    const layers = config.rootfs.diff_ids;
    lease.add(...layers);
    await store.images.ensureUnpacked({ manifest, layers }, () => {}, options.signal);
  }
  const names = references.map(familiarString);
  if (references.length === 0) store.images.put(target);
  for (const reference of references) store.images.put(target, reference);
  for (const name of names.length === 0 ? [target.digest] : names) {
    store.onEvent({ action: "load", id: target.digest, name });
  }
  return { id: target.digest, names };
}

const distance = ({ platform }: Variant, wanted: Platform) => platform && platformDistance(wanted, platform);

function best(variants: readonly Variant[], wanted: Platform): Variant | undefined {
  const rank = (variant: Variant) => distance(variant, wanted) ?? Number.MAX_SAFE_INTEGER;
  return variants.toSorted((a, b) => rank(a) - rank(b))[0];
}

async function* counted(
  content: AsyncIterable<Uint8Array>,
  name: string,
  total: number,
  tell: (message: LoadMessage) => void,
): AsyncGenerator<Uint8Array> {
  // Small files are manifests, and layers that are there before anybody could watch them.
  const step = Math.max(total / 100, 512 * 1024);
  const id = shortId(`:${(name.endsWith("/layer.tar") ? name.slice(0, -10) : name).split("/").at(-1) ?? ""}`);
  let [current, told] = [0, 0];
  for await (const chunk of content) {
    yield chunk;
    current += chunk.length;
    if (total <= step || (current - told < step && current < total)) continue;
    told = current;
    tell({ status: "Loading layer", id, progressDetail: { current, total } });
  }
}

async function* abortable(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    if (signal?.aborted) throw cancelled("context canceled");
    yield chunk;
  }
}
