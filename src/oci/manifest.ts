import { invalidArgument } from "../base/errors.ts";
import { type Digest, parseDigest } from "./digest.ts";
import { compact, Fields, type JsonObject, parseJsonObject } from "./json.ts";
import { isIndexType, isManifestType, isSchema1Type, mediaTypes } from "./media-types.ts";
import type { Platform } from "./platform.ts";

/** Points to content by what it is (OCI image-spec, descriptor.md). */
export interface Descriptor {
  mediaType: string;
  digest: Digest;
  /** In bytes. */
  size: number;
  urls?: string[];
  annotations?: Record<string, string>;
  /** The content itself, base64. */
  data?: string;
  artifactType?: string;
  platform?: Platform;
}

/** One image for one platform: its configuration and its layers, the lowest first. */
export interface Manifest {
  schemaVersion: 2;
  mediaType: string;
  artifactType?: string;
  config: Descriptor;
  layers: Descriptor[];
  subject?: Descriptor;
  annotations?: Record<string, string>;
}

/** A choice of manifests, mostly one for each platform. */
export interface Index {
  schemaVersion: 2;
  mediaType: string;
  artifactType?: string;
  manifests: Descriptor[];
  subject?: Descriptor;
  annotations?: Record<string, string>;
}

/** How deep indexes may stand in indexes: nobody makes deeper ones. */
export const maxIndexDepth = 3;

/** The most bytes that a manifest or index may have: the limit that registries keep. */
export const maxManifestSize = 4 * 1024 * 1024;
/** More layers than an overlay mount takes (500) are of no use. */
const maxLayers = 500;
const maxManifests = 10_000;

/**
 * Parses a manifest or index of at most `maxManifestSize` bytes. `contentType` is what the registry said it is; it
 * decides where the document does not say so itself, and must agree where it does. Throws `invalidArgument`.
 */
export function parseManifestOrIndex(bytes: Uint8Array, contentType?: string): Manifest | Index {
  const object = parseJsonObject(bytes, "manifest", maxManifestSize);
  const fields = new Fields(object, "manifest");
  const declared = contentType?.split(";", 1)[0]?.trim().toLowerCase();
  const own = fields.string("mediaType");
  const known = declared !== undefined && (isIndexType(declared) || isManifestType(declared));
  const mediaType = own ?? (known ? declared : guessType(object));
  if (isSchema1Type(mediaType) || fields.integer("schemaVersion") === 1) throw schema1();
  if (known && own !== undefined && own !== declared) {
    throw invalidArgument(`invalid manifest: it says ${own}, and was sent as ${declared}`);
  }
  if (fields.integer("schemaVersion") !== 2)
    throw invalidArgument("invalid manifest: schemaVersion is not 2");
  // A document that reads as both could be taken for the one by us and for the other by somebody else.
  if (object.layers !== undefined && object.manifests !== undefined) {
    throw invalidArgument("invalid manifest: it has layers and manifests");
  }
  if (isIndexType(mediaType)) return toIndex(fields, mediaType);
  if (isManifestType(mediaType)) return toManifest(fields, mediaType);
  throw invalidArgument(`invalid manifest: unsupported media type ${mediaType}`);
}

function guessType(object: JsonObject): string {
  return "manifests" in object ? mediaTypes.ociIndex : mediaTypes.ociManifest;
}

const schema1 = () =>
  invalidArgument(
    `media type "${mediaTypes.dockerSchema1Signed}" is no longer supported: the image has to be pushed again as a Docker schema 2 or an OCI image`,
  );

/** Parses the manifest of one image; an index is an error. */
export function parseManifest(bytes: Uint8Array, contentType?: string): Manifest {
  const parsed = parseManifestOrIndex(bytes, contentType);
  if (isIndex(parsed)) throw invalidArgument("invalid manifest: it is an index");
  return parsed;
}

export function isIndex(document: Manifest | Index): document is Index {
  return "manifests" in document;
}

function toManifest(fields: Fields, mediaType: string): Manifest {
  const config = fields.object("config");
  const layers = fields.objects("layers", maxLayers);
  if (config === undefined) throw invalidArgument("invalid manifest: config is not there");
  if (layers === undefined) throw invalidArgument("invalid manifest: layers is not there");
  return compact<Manifest>({
    schemaVersion: 2,
    mediaType,
    artifactType: fields.string("artifactType"),
    config: parseDescriptor(config),
    layers: layers.map(parseDescriptor),
    subject: optionalDescriptor(fields.object("subject")),
    annotations: fields.stringMap("annotations"),
  });
}

function toIndex(fields: Fields, mediaType: string): Index {
  const manifests = fields.objects("manifests", maxManifests);
  if (manifests === undefined) throw invalidArgument("invalid manifest: manifests is not there");
  return compact<Index>({
    schemaVersion: 2,
    mediaType,
    artifactType: fields.string("artifactType"),
    manifests: manifests.map(parseDescriptor),
    subject: optionalDescriptor(fields.object("subject")),
    annotations: fields.stringMap("annotations"),
  });
}

function optionalDescriptor(object: JsonObject | undefined): Descriptor | undefined {
  return object === undefined ? undefined : parseDescriptor(object);
}

/** Checks one descriptor. Throws `invalidArgument`. */
export function parseDescriptor(object: JsonObject): Descriptor {
  const fields = new Fields(object, "descriptor");
  const size = fields.integer("size");
  if (size === undefined || size < 0) throw invalidArgument("invalid descriptor: size is not there");
  const platform = fields.object("platform");
  return compact<Descriptor>({
    mediaType: fields.requiredString("mediaType"),
    digest: parseDigest(fields.requiredString("digest")),
    size,
    urls: fields.strings("urls"),
    annotations: fields.stringMap("annotations"),
    data: fields.string("data"),
    artifactType: fields.string("artifactType"),
    platform: platform === undefined ? undefined : toPlatform(platform),
  });
}

function toPlatform(object: JsonObject): Platform {
  const fields = new Fields(object, "platform");
  return compact<Platform>({
    os: fields.string("os") ?? "",
    architecture: fields.string("architecture") ?? "",
    variant: fields.string("variant"),
    "os.version": fields.string("os.version"),
    "os.features": fields.strings("os.features"),
  });
}
