import type { Descriptor, Index, Manifest } from "../../oci/manifest.ts";
import { mediaTypes } from "../../oci/media-types.ts";
import type { Platform } from "../../oci/platform.ts";

/** A manifest that a list has or is to have, in the form in which Docker's client keeps it. */
export interface ManifestEntry {
  /** Full name, with tag or digest. */
  readonly Ref: string;
  readonly Descriptor: Descriptor;
  /** The manifest's bytes, base64. */
  readonly Raw: string;
  readonly SchemaV2Manifest?: Manifest;
  readonly OCIManifest?: Manifest;
}

/** A platform with its keys in the order in which Go writes them. */
export function orderedPlatform(platform: Platform): Record<string, unknown> {
  const { architecture, os, variant } = platform;
  const version = platform["os.version"];
  const features = platform["os.features"];
  return {
    architecture,
    os,
    ...(version && { "os.version": version }),
    ...(features && features.length > 0 && { "os.features": features }),
    ...(variant && { variant }),
  };
}

export function makeEntry(
  Ref: string,
  manifest: { bytes: Uint8Array; mediaType: string; digest: Descriptor["digest"]; parsed: Manifest },
  platform: Platform,
): ManifestEntry {
  const { bytes, mediaType, digest, parsed } = manifest;
  const Raw = Buffer.from(bytes).toString("base64");
  const isOci = mediaType === mediaTypes.ociManifest;
  const ordered = orderedPlatform(platform) as unknown as Platform;
  return {
    Ref,
    Descriptor: { mediaType, digest, size: bytes.length, platform: ordered },
    Raw,
    // As it came: the order of its keys is part of what people see.
    ...(isOci ? { OCIManifest: documentOf(bytes, parsed) } : { SchemaV2Manifest: documentOf(bytes, parsed) }),
  };
}

function documentOf(bytes: Uint8Array, parsed: Manifest): Manifest {
  const value: unknown = JSON.parse(Buffer.from(bytes).toString());
  return typeof value === "object" && value !== null ? (value as Manifest) : parsed;
}

/** The list of these manifests as it is sent to a registry: its digest depends on each byte. */
export function listBytes(entries: readonly ManifestEntry[]): { bytes: Uint8Array; mediaType: string } {
  const isOci = entries[0]?.Descriptor.mediaType === mediaTypes.ociManifest;
  const mediaType = isOci ? mediaTypes.ociIndex : mediaTypes.dockerList;
  const manifests = entries.map(({ Descriptor: { mediaType: type, size, digest, platform } }) => ({
    mediaType: type,
    size,
    digest,
    platform: orderedPlatform(platform ?? { os: "", architecture: "" }),
  }));
  const text = JSON.stringify({ schemaVersion: 2, mediaType, manifests }, undefined, 3);
  return { bytes: Buffer.from(text), mediaType };
}

/** An index as it is shown: its members in the order in which Go writes them. */
export function indexText(index: Index): string {
  const { schemaVersion, mediaType } = index;
  const manifests = index.manifests.map(({ mediaType: type, size, digest, urls, annotations, platform }) => ({
    mediaType: type,
    size,
    digest,
    ...(urls && { urls }),
    ...(annotations && { annotations }),
    platform: orderedPlatform(platform ?? { os: "", architecture: "" }),
  }));
  return JSON.stringify({ schemaVersion, mediaType, manifests }, undefined, 3);
}
