import type { DiskWorkers } from "../archive/disk-workers.ts";
import { internal, notFound } from "../base/errors.ts";
import { shortId } from "../base/ids.ts";
import type { BlobStore } from "../images/blobs.ts";
import type { ImageStore } from "../images/images.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { hostPlatform, type Platform } from "../oci/platform.ts";
import { familiarName, familiarString, fullName, parseReference, type Reference } from "../oci/reference.ts";
import { compressPlan } from "./compress-plan.ts";
import type { Credentials } from "./credentials.ts";
import { layerProgress, layerStatus, ProgressMeter, type ProgressSink } from "./progress.ts";
import { registryFailure } from "./pull-error.ts";
import { type PushedLayer, planPush } from "./push-plan.ts";
import { putManifest } from "./registry-client.push.ts";
import type { RegistryClient } from "./registry-client.ts";
import { RegistryError } from "./registry-error.ts";
import { Repository } from "./repository.ts";
import type { RegistryTransport } from "./transport.ts";
import { type UploadContext, uploadBlob } from "./upload.ts";

export interface PushRequest {
  /** With a tag; without, all tags of the repository that are here are pushed. */
  reference: Reference;
  /** Pushes the manifest of this platform only. */
  platform?: Platform;
  credentials?: Credentials;
  signal?: AbortSignal;
  /** Layers go as they are: somebody has said how they are to be compressed. */
  asIs?: boolean;
}

export interface PushStores {
  transport: RegistryTransport;
  blobs: BlobStore;
  images: ImageStore;
  workers: DiskWorkers;
}

/** One image that was pushed. */
export interface Pushed {
  reference: Reference;
  /** What the repository has: of an image that was made here, with compressed layers. */
  descriptor: Descriptor;
}

/**
 * Pushes an image to its registry and reports to `progress` what Docker's clients expect. Blobs that the registry has
 * are not sent; those that another repository of it has are mounted. Throws `EngineError` in Docker's words.
 */
export async function push(
  request: PushRequest,
  stores: PushStores,
  progress: ProgressSink,
): Promise<Pushed[]> {
  const { reference } = request;
  progress({ status: `The push refers to repository [${fullName(reference)}]` });
  try {
    const tagged = reference.tag === undefined ? tagsOf(stores.images, reference) : [reference];
    if (tagged.length === 0) {
      throw notFound(`An image does not exist locally with the tag: ${familiarName(reference)}`);
    }
    const pushed: Pushed[] = [];
    for (const one of tagged) pushed.push(await pushOne({ ...request, reference: one }, stores, progress));
    return pushed;
  } catch (error) {
    throw error instanceof RegistryError ? registryFailure(error) : error;
  }
}

/** All tags that the repository of `reference` has here. */
function tagsOf(images: ImageStore, reference: Reference): Reference[] {
  const name = familiarName(reference);
  const tags = images
    .list()
    .flatMap(({ repoTags }) => repoTags.filter((text) => familiarName(parseReference(text)) === name));
  return [...new Set(tags)].toSorted().map(parseReference);
}

async function pushOne(request: PushRequest, stores: PushStores, progress: ProgressSink): Promise<Pushed> {
  const { reference, signal } = request;
  const id = stores.images.targetOf(reference);
  if (id === undefined) {
    throw notFound(`An image does not exist locally with the tag: ${familiarName(reference)}`);
  }
  const { target } = stores.images.resolve(familiarString(reference));
  const plan = planPush(
    stores.blobs,
    target,
    request.platform ?? hostPlatform(),
    request.platform !== undefined,
  );
  // What is sent stays, whatever becomes of the image's names.
  using lease = stores.blobs.lease();
  lease.add(target.digest, ...plan.layers.map(({ blob }) => blob.digest));
  for (const { name } of plan.layers.toReversed()) progress(layerStatus(shortId(name), "Preparing"));
  const mounts = mountSources(stores, reference);
  const repository = await Repository.open(stores.transport, reference, {
    credentials: request.credentials ?? {},
    access: "pull,push",
    mountFrom: [...new Set(plan.layers.flatMap(({ blob }) => mounts.get(blob.digest) ?? []))],
  });
  const stop = new AbortController();
  const all = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  // The first request finds out how the registry is to be spoken to; the others then need not.
  const client = await repository.first(async (candidate) => {
    await ping(candidate, all);
    return candidate;
  });
  const { transport, blobs } = stores;
  const credentials = { domain: reference.domain, credentials: request.credentials ?? {} };
  const context: UploadContext = { transport, client, blobs, credentials, signal: all };
  if (!request.asIs) await compressPlan(stores, plan, lease, all);
  await uploadAll(stop, [
    ...plan.layers
      .toReversed()
      .map((layer) => () => pushLayer(context, layer, mounts.get(layer.blob.digest), progress)),
    ...plan.configs.map((config) => () => pushConfig(context, config)),
  ]);
  await putDocuments(client, reference, plan.documents, all);
  const last = plan.documents.at(-1);
  if (last === undefined) throw internal("a push without a manifest");
  stores.images.addRepository(id, reference, false);
  // Of an index of which one platform went, the repository does not have another form.
  if (plan.insteadOf === undefined) stores.images.setPushed(id, reference, last.digest);
  report(reference, last, plan.insteadOf, progress);
  const { mediaType, digest, bytes } = last;
  return { reference, descriptor: { mediaType, digest, size: bytes.byteLength } };
}

async function ping(client: RegistryClient, signal: AbortSignal): Promise<void> {
  const response = await client.send("GET", new URL("/v2/", client.endpoint.url), { signal });
  await response.body?.cancel();
}

/** Runs all; the first failure stops the others, and is thrown when all have stopped. */
async function uploadAll(stop: AbortController, tasks: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  await Promise.all(
    tasks.map((task) =>
      task().catch((error: unknown) => {
        failures.push(error);
        stop.abort();
      }),
    ),
  );
  if (failures.length > 0) throw failures[0];
}

async function pushLayer(
  context: UploadContext,
  { blob, name }: PushedLayer,
  mountFrom: string | undefined,
  progress: ProgressSink,
): Promise<void> {
  const id = shortId(name);
  let started = false;
  const meter = new ProgressMeter(blob.size, (sent) =>
    progress(layerProgress(id, "Pushing", sent, blob.size)),
  );
  const running = context.transport.uploads.run(() => {
    started = true;
    return uploadBlob(context, blob, mountFrom, {
      onProgress: (sent) => meter.update(sent),
      onRetry: (seconds) =>
        progress(layerStatus(id, `Retrying in ${seconds} second${seconds === 1 ? "" : "s"}`)),
    });
  });
  if (!started) progress(layerStatus(id, "Waiting"));
  const outcome = await running;
  if (outcome.kind === "there") progress(layerStatus(id, "Layer already exists"));
  else progress(layerStatus(id, outcome.kind === "mounted" ? `Mounted from ${outcome.from}` : "Pushed"));
}

async function pushConfig(context: UploadContext, config: Descriptor): Promise<void> {
  await context.transport.uploads.run(() => uploadBlob(context, config, undefined));
}

async function putDocuments(
  client: RegistryClient,
  reference: Reference,
  documents: readonly { bytes: Uint8Array; mediaType: string; digest: Digest }[],
  signal: AbortSignal,
): Promise<void> {
  for (const [at, document] of documents.entries()) {
    const name = at === documents.length - 1 ? (reference.tag ?? document.digest) : document.digest;
    await putManifest(client, name, document, signal);
  }
}

function report(
  reference: Reference,
  last: { bytes: Uint8Array; digest: Digest },
  insteadOf: { index: Descriptor; manifest: Descriptor } | undefined,
  progress: ProgressSink,
): void {
  const Tag = reference.tag ?? "";
  const Size = last.bytes.byteLength;
  progress({ status: `${Tag}: digest: ${last.digest} size: ${Size}` });
  progress({ progressDetail: {}, aux: { Tag, Digest: last.digest, Size } });
  if (insteadOf === undefined) return;
  const { index: originalIndex, manifest: selectedManifest } = insteadOf;
  progress({ aux: { manifestPushedInsteadOfIndex: true, originalIndex, selectedManifest } });
}

/** For each blob, another repository of the same registry that it was pulled from or pushed to. */
function mountSources(
  { images, blobs }: Pick<PushStores, "images" | "blobs">,
  reference: Reference,
): Map<Digest, string> {
  const sources = new Map<Digest, string>();
  for (const image of images.list()) {
    for (const text of [...image.repoTags, ...image.repoDigests]) {
      const named = parseReference(text);
      if (named.domain !== reference.domain || named.path === reference.path) continue;
      for (const { digest } of image.manifest.layers) {
        sources.set(digest, named.path);
        const compressed = blobs.compressedOf(digest);
        if (compressed) sources.set(compressed.digest, named.path);
      }
    }
  }
  return sources;
}
