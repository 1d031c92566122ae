import { isDiskFull } from "../base/errors.ts";
import { tracer } from "../base/trace.ts";
import type { BlobStore } from "../images/blobs.ts";
import type { ImageStore } from "../images/images.ts";
import type { LayerStore } from "../images/layers.ts";
import type { Digest } from "../oci/digest.ts";
import { formatPlatform, hostPlatform, type Platform, platformDistance } from "../oci/platform.ts";
import { familiarName, familiarString, fullName, type Reference, withDigest } from "../oci/reference.ts";
import type { Credentials } from "./credentials.ts";
import type { ProgressSink } from "./progress.ts";
import { pullContent } from "./pull-content.ts";
import type { PullContext } from "./pull-context.ts";
import { pullError } from "./pull-error.ts";
import { quotaText } from "./quota.ts";
import type { FetchedManifest } from "./registry-client.ts";
import { RegistryError } from "./registry-error.ts";
import { Repository } from "./repository.ts";
import { listTags } from "./tags.ts";
import type { RegistryTransport } from "./transport.ts";

export interface PullRequest {
  /** With a tag or a digest; with neither, all tags of the repository are pulled. */
  reference: Reference;
  /** The host's where not given. */
  platform?: Platform;
  credentials?: Credentials;
  /** Ends the pull; what has come stays, and the next pull goes on from there. */
  signal?: AbortSignal;
}

export interface PullStores {
  transport: RegistryTransport;
  blobs: BlobStore;
  layers: LayerStore;
  images: ImageStore;
}

/** One image that was pulled. */
export interface Pulled {
  reference: Reference;
  /** What the name points to now. */
  digest: Digest;
  /** False when it was there already. */
  changed: boolean;
}

/**
 * Pulls an image (or, by a reference without tag and digest, all images of a repository) and reports to `progress` what
 * Docker's clients expect. Nothing has been reported yet when the image cannot be found. Throws `EngineError` in
 * Docker's words.
 */
export async function pull(
  request: PullRequest,
  stores: PullStores,
  progress: ProgressSink,
): Promise<Pulled[]> {
  // A digest says it all; a tag beside it is for people.
  const { digest } = request.reference;
  const reference = digest === undefined ? request.reference : withDigest(request.reference, digest);
  try {
    const repository = await Repository.open(stores.transport, reference, {
      credentials: request.credentials ?? {},
      access: "pull",
    });
    const all = reference.tag === undefined && reference.digest === undefined;
    const tags = all ? await repository.first((client) => listTags(client, request.signal)) : [];
    const references = all ? tags.map((tag) => ({ ...reference, tag })) : [reference];
    const pulled: Pulled[] = [];
    for (const one of references) {
      pulled.push(await pullOne({ ...request, reference: one }, repository, stores, progress));
    }
    const outcome = pulled.some(({ changed }) => changed)
      ? "Downloaded newer image for"
      : "Image is up to date for";
    progress({ status: `Status: ${outcome} ${familiarString(reference)}` });
    const quota = repository.clients.find((client) => client.quota !== undefined)?.quota;
    if (quota !== undefined) progress({ status: quotaText(quota) });
    return pulled;
  } catch (error) {
    throw pullError(error, reference);
  }
}

async function pullOne(
  request: PullRequest,
  repository: Repository,
  stores: PullStores,
  progress: ProgressSink,
): Promise<Pulled> {
  const { reference, signal } = request;
  const name = reference.digest ?? reference.tag ?? "latest";
  const known = stores.images.targetOf(reference);
  const repositoryName = fullName(reference);
  // The same image may be there with its layers compressed, since it was pushed from here.
  const aliases = (known === undefined ? [] : stores.images.pushedAs(known))
    .filter((one) => one.repository === repositoryName)
    .map(({ digest }) => digest);
  const top = await tracer.span("registry.resolve", () =>
    resolveTop(repository, stores.blobs, name, { known, aliases }, signal),
  );
  progress({
    status: `Pulling from ${reference.path}`,
    id: reference.digest === undefined ? name : familiarString(reference),
  });
  // One failure ends the rest of this pull.
  const stop = new AbortController();
  const context: PullContext = {
    transport: stores.transport,
    blobs: stores.blobs,
    layers: stores.layers,
    repository,
    progress,
    signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
    abort: () => stop.abort(),
  };
  // The lease of a pull that fails is not released: what came is kept until the lease expires, for the next attempt.
  const lease = stores.blobs.storedLease(`pull-${top.digest}`);
  try {
    const content = await pullContent(context, top, request.platform ?? hostPlatform(), lease);
    const anonymous = Object.keys(request.credentials ?? {}).every((key) => key === "serveraddress");
    tracer.span("store.image", () => {
      stores.images.put(content.target, reference);
      stores.images.addRepository(content.target.digest, reference, anonymous);
    });
    lease.release();
    progress({ status: `Digest: ${top.shown ?? top.digest}` });
    if (request.platform !== undefined)
      warnOfPlatform(request.platform, content.platform, reference, progress);
    return { reference, digest: top.digest, changed: known !== top.digest || content.fetched };
  } catch (error) {
    stop.abort();
    if (isDiskFull(error)) await stores.images.abandon(lease);
    throw error;
  }
}

/**
 * What `name` points to. Where the name is known here, the registry is only asked whether it still points there, which
 * Docker Hub does not count as a pull.
 */
function resolveTop(
  repository: Repository,
  blobs: BlobStore,
  name: string,
  { known, aliases }: { known: Digest | undefined; aliases: readonly Digest[] },
  signal: AbortSignal | undefined,
): Promise<FetchedManifest & { shown?: Digest }> {
  return repository.first(async (client) => {
    if (known !== undefined && blobs.has(known)) {
      const head = await client.head(name, signal).catch((error: unknown) => {
        // An answer without a body does not say what is wrong; the one below will.
        if (error instanceof RegistryError) return undefined;
        throw error;
      });
      if (head && (head.digest === known || aliases.includes(head.digest)))
        return { bytes: blobs.read(known), mediaType: head.mediaType, digest: known, shown: head.digest };
    }
    return client.manifest(name, signal);
  });
}

function warnOfPlatform(
  wanted: Platform,
  actual: Platform,
  reference: Reference,
  progress: ProgressSink,
): void {
  if (platformDistance(wanted, actual) !== undefined) return;
  const platforms = `wanted ${formatPlatform(wanted)}, actual: ${formatPlatform(actual)}`;
  progress({
    status: `WARNING: image with reference ${familiarName(reference)} was found but does not match the specified platform: ${platforms}`,
  });
}
