import { fromText } from "../archive/byte-string.ts";
import { encodeHeader, endOfArchive, padding } from "../archive/tar-encoder.ts";
import { tarEntry } from "../archive/tar-entry.ts";
import { notFound } from "../base/errors.ts";
import { algorithmOf, type Digest, hexOf } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { mediaTypes } from "../oci/media-types.ts";
import type { Platform } from "../oci/platform.ts";
import { fullName, parseReference } from "../oci/reference.ts";
import type { BlobStore } from "./blobs.ts";
import type { ImageContent } from "./content.ts";
import type { Image } from "./image.ts";
import type { ImageEventSink } from "./image-events.ts";
import { familiar } from "./names.ts";

/** What `saveImages` needs of the image store. */
export interface SaveSource {
  blobs: BlobStore;
  content: ImageContent;
  resolve: (nameOrId: string, platform?: Platform) => Image;
  /** All names, full, each with its image. */
  names: () => { name: string; image: Digest }[];
  onEvent: ImageEventSink;
}

interface Selection {
  image: Image;
  /** Full names; none when it was asked for by its id. */
  names: string[];
}

type Member = { name: string; bytes: Uint8Array } | { name: string; blob: Digest } | { name: string };

/** `blobs/sha256/<hex>` (OCI image-spec, image-layout.md). */
const blobName = (digest: Digest) => `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;

/**
 * `docker save`: one tar that is an OCI image layout, and has Docker's `manifest.json` for older readers. All that can
 * be wrong is thrown here (`notFound`); the returned stream is then read as it is written out. The same images always
 * give the same bytes. `called`: full names that the archive gives the image instead of those that it has here.
 */
export function saveImages(
  source: SaveSource,
  nameOrIds: readonly string[],
  platforms: readonly Platform[] = [],
  called?: readonly string[],
): AsyncGenerator<Uint8Array> {
  const { selections: found, roots, images, content } = selectContent(source, nameOrIds, platforms);
  const selections = called === undefined ? found : found.map((one) => ({ ...one, names: [...called] }));
  const layers = new Set(images.flatMap(({ manifest }) => manifest.layers.map(({ digest }) => digest)));
  // Layers last: who reads the archive knows by then which of them it needs.
  const present = [...content]
    .filter((digest) => source.blobs.has(digest))
    .sort()
    .sort((a, b) => Number(layers.has(a)) - Number(layers.has(b)));
  for (const image of images) requireLayers(source.blobs, image);
  for (const { image, names } of selections) {
    for (const name of names.length === 0 ? [image.id] : names.map(familiar)) {
      source.onEvent({ action: "save", id: image.id, name });
    }
  }
  const folders = new Set(present.map((digest) => `blobs/${algorithmOf(digest)}/`));
  return writeTar(source.blobs, [
    { name: "blobs/" },
    ...[...folders].sort().map((name) => ({ name })),
    ...present.map((digest) => ({ name: blobName(digest), blob: digest })),
    { name: "index.json", bytes: json(indexOf(selections, roots)) },
    { name: "manifest.json", bytes: json(selections.map(dockerManifest)) },
    { name: "oci-layout", bytes: json({ imageLayoutVersion: "1.0.0" }) },
  ]);
}

/** The images that are meant, each with the document that stands for it, and all that belongs to them. */
export function selectContent(
  source: SaveSource,
  nameOrIds: readonly string[],
  platforms: readonly Platform[],
): { selections: Selection[]; roots: Descriptor[]; images: Image[]; content: Set<Digest> } {
  const [platform, ...more] = platforms;
  const selections = nameOrIds.flatMap((nameOrId) => select(source, nameOrId, platform));
  // Of several platforms, the index is the root, with only their content.
  const single = more.length === 0 ? platform : undefined;
  const roots = selections.map((selection) => target(source.blobs, selection.image, single));
  const chosen = more.length === 0 ? [] : platforms;
  const images = selections.flatMap(({ image }) => [
    image,
    ...chosen.slice(1).map((one) => source.resolve(image.id, one)),
  ]);
  const tops =
    chosen.length === 0 ? roots.map(({ digest }) => digest) : images.map((one) => one.manifestDigest);
  const content = new Set<Digest>(roots.map(({ digest }) => digest));
  for (const top of tops) for (const digest of source.content.blobsOf(top)) content.add(digest);
  return { selections, roots, images, content };
}

/** A repository without a tag stands for all its tags, as Docker has it. */
function select(source: SaveSource, nameOrId: string, platform: Platform | undefined): Selection[] {
  const repository = repositoryNames(source, nameOrId);
  if (repository.length > 0) {
    const images = new Set(repository.map(({ image }) => image));
    return [...images].map((id) => ({
      image: source.resolve(id, platform),
      names: repository.filter(({ image }) => image === id).map(({ name }) => name),
    }));
  }
  const image = source.resolve(nameOrId, platform);
  const isName = image.repoTags.length > 0 && !isId(image, nameOrId);
  if (!isName) return [{ image, names: [] }];
  const reference = parseReference(nameOrId);
  return [{ image, names: reference.digest ? [] : [`${fullName(reference)}:${reference.tag ?? "latest"}`] }];
}

const isId = ({ id }: Image, text: string) =>
  id === text || hexOf(id).startsWith(text.replace(/^sha256:/, ""));

function repositoryNames(source: SaveSource, text: string): { name: string; image: Digest }[] {
  if (/[:@]/.test(text.slice(text.lastIndexOf("/") + 1)) || /^[0-9a-f]{64}$/.test(text)) return [];
  const wanted = fullName(parseReference(text));
  return source.names().filter(({ name }) => name.startsWith(`${wanted}:`));
}

function target(blobs: BlobStore, image: Image, platform: Platform | undefined): Descriptor {
  if (platform === undefined || image.manifestDigest === image.id) return image.target;
  const { mediaType } = image.manifest;
  return {
    mediaType,
    digest: image.manifestDigest,
    size: blobs.size(image.manifestDigest) ?? 0,
    platform: image.platform,
  };
}

function requireLayers(blobs: BlobStore, image: Image): void {
  for (const { digest } of image.manifest.layers) {
    if (!blobs.has(digest)) throw notFound(`content digest ${digest}: not found`);
  }
}

function indexOf(selections: readonly Selection[], roots: readonly Descriptor[]): object {
  const manifests = selections.flatMap(({ names }, at): Descriptor[] => {
    const root = roots[at];
    if (!root) return [];
    if (names.length === 0) return [root];
    return names.map((name) => ({
      ...root,
      annotations: {
        "io.containerd.image.name": name,
        "org.opencontainers.image.ref.name": parseReference(name).tag ?? "latest",
      },
    }));
  });
  return { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
}

function dockerManifest({ image, names }: Selection): object {
  return {
    Config: blobName(image.configDigest),
    RepoTags: names.length === 0 ? null : names.map(familiar),
    Layers: image.manifest.layers.map(({ digest }) => blobName(digest)),
  };
}

const json = (value: object) => Buffer.from(JSON.stringify(value));

async function* writeTar(blobs: BlobStore, members: readonly Member[]): AsyncGenerator<Uint8Array> {
  for (const member of members) {
    const name = fromText(member.name);
    if ("blob" in member) {
      const size = blobs.size(member.blob) ?? 0;
      yield encodeHeader(tarEntry({ name, type: "file", size, mode: 0o444 }));
      yield* blobs.stream(member.blob);
      yield padding(size);
    } else if ("bytes" in member) {
      yield encodeHeader(tarEntry({ name, type: "file", size: member.bytes.length }));
      yield member.bytes;
      yield padding(member.bytes.length);
    } else {
      yield encodeHeader(tarEntry({ name, type: "directory" }));
    }
  }
  yield endOfArchive();
}
