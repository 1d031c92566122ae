import type { ImageSummary } from "../api/images.ts";
import type { Filters } from "../base/filters.ts";
import { pruneLimit } from "../containers/prune.ts";
import type { Image } from "../images/image.ts";
import { familiarName, familiarString, parseReference } from "../oci/reference.ts";
import type { Engine } from "./engine.ts";
import { manifestSummaries } from "./image-manifests.ts";

export const imageSummaryFilters = ["before", "dangling", "label", "reference", "since", "until"];

export interface ImageListOptions {
  all: boolean;
  filters: Filters;
  sharedSize: boolean;
  manifests: boolean;
  /** With `manifests`: also where the image comes from. */
  identity?: boolean;
}

/** The images that `GET /images/json` shows, the newest first. Throws `invalidArgument`, `notFound`. */
export function imageSummaries(
  engine: Engine,
  { filters, sharedSize, manifests, identity = false }: ImageListOptions,
): ImageSummary[] {
  const { images, clock } = engine;
  const all = images.list();
  const dangling = filters.boolean("dangling");
  const [before, since] = ["before", "since"].map((name) => {
    const reference = filters.get(name)[0];
    return reference === undefined ? undefined : createdMillis(images.resolve(reference));
  });
  const until = pruneLimit(filters, clock.nowNanos());
  const shared = sharedSize ? sharedLayers(all) : undefined;
  const users = Map.groupBy(engine.containers.set.all(), ({ spec }) => spec.imageId);
  return all
    .filter((image) => dangling === undefined || dangling === (image.repoTags.length === 0))
    .filter((image) => before === undefined || createdMillis(image) < before)
    .filter((image) => since === undefined || createdMillis(image) > since)
    .filter((image) => until === undefined || createdMillis(image) < until)
    .filter((image) => filters.labels(image.config.config?.Labels))
    .map((image) => withMatchingNames(image, filters))
    .filter((image) => image !== undefined)
    .sort((a, b) => createdMillis(b) - createdMillis(a))
    .map((image) =>
      summary(engine, image, { shared, manifests, identity, users: users.get(image.id)?.length ?? 0 }),
    );
}

/** Milliseconds since 1970. */
export function createdMillis(image: Image): number {
  const millis = Date.parse(image.created ?? "");
  return Number.isNaN(millis) ? 0 : millis;
}

/** Of an image that a `reference` filter finds, only the names that match are shown. */
function withMatchingNames(image: Image, filters: Filters): Image | undefined {
  if (!filters.has("reference")) return image;
  const matches = (name: string) =>
    filters.get("reference").some((pattern) => matchesReference(pattern, name));
  const repoTags = image.repoTags.filter(matches);
  const repoDigests = image.repoDigests.filter(matches);
  return repoTags.length + repoDigests.length > 0 ? { ...image, repoTags, repoDigests } : undefined;
}

/** Go's `path.Match` on the familiar name, with or without its tag. */
function matchesReference(pattern: string, name: string): boolean {
  const reference = parseReference(name);
  const glob = new Bun.Glob(pattern);
  return glob.match(familiarString(reference)) || glob.match(familiarName(reference));
}

/** How many images have each layer. */
function sharedLayers(images: readonly Image[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { layers } of images)
    for (const layer of layers) counts.set(layer, (counts.get(layer) ?? 0) + 1);
  return counts;
}

function summary(
  engine: Engine,
  image: Image,
  {
    shared,
    manifests,
    identity,
    users,
  }: { shared: Map<string, number> | undefined; manifests: boolean; identity: boolean; users: number },
): ImageSummary {
  return {
    Containers: shared ? users : -1,
    Created: Math.floor(createdMillis(image) / 1000),
    Id: image.id,
    Labels: image.config.config?.Labels ?? null,
    ParentId: "",
    Descriptor: image.target as ImageSummary["Descriptor"],
    ...(manifests ? { Manifests: manifestSummaries(engine, image, { identity }) } : {}),
    RepoDigests: image.repoDigests,
    RepoTags: image.repoTags,
    SharedSize: shared ? sharedSizeOf(engine, image, shared) : -1,
    Size: image.size,
    VirtualSize: image.size,
  };
}

function sharedSizeOf({ layers }: Engine, image: Image, shared: Map<string, number>): number {
  return image.layers
    .filter((layer) => (shared.get(layer) ?? 0) > 1 && layers.has(layer))
    .reduce((sum, layer) => sum + layers.size(layer), 0);
}
