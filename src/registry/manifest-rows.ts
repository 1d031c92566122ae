import type { Digest } from "../oci/digest.ts";
import { type ImageConfig, parseImageConfig } from "../oci/image-config.ts";
import { type Descriptor, type Index, isIndex, type Manifest } from "../oci/manifest.ts";
import { isImageConfigType } from "../oci/media-types.ts";
import type { Platform } from "../oci/platform.ts";
import type { Queries } from "./index/database.ts";
import { referrerDescriptor } from "./referrers.ts";
import type { Platforms } from "./tags.ts";

/** What the index keeps of a manifest. */
export interface ManifestRow {
  repository: string;
  digest: Digest;
  mediaType: string;
  size: number;
  /** Bytes of what it consists of, each content counted once. */
  contentSize: number;
  /** Digest of the image's configuration, or "". */
  config: string;
  platforms: Platforms;
  artifactType: string;
  subject: string;
  /** What the referrers API tells, or "". */
  referrer: string;
  references: Digest[];
  payload: string;
}

/** Where more is read about what a manifest points to; undefined for what is not there. */
interface Sources {
  config(digest: Digest): Promise<Buffer | undefined>;
  manifest(digest: Digest): Promise<{ size: number; content_size: number } | undefined>;
}

/** Works out a manifest's row, so that no list has to open a manifest later. */
export async function describe(
  repository: string,
  digest: Digest,
  document: Manifest | Index,
  payload: string,
  sources: Sources,
): Promise<ManifestRow> {
  const size = Buffer.byteLength(payload);
  const referrer = document.subject ? JSON.stringify(referrerDescriptor(document, digest, size)) : "";
  const common = {
    repository,
    digest,
    mediaType: document.mediaType,
    size,
    artifactType: document.artifactType ?? "",
    subject: document.subject?.digest ?? "",
    referrer,
    payload,
  };
  return isIndex(document)
    ? { ...common, ...(await describeIndex(document, sources)) }
    : { ...common, ...(await describeImage(digest, document, sources)) };
}

async function describeIndex({ manifests }: Index, sources: Sources) {
  const platforms: Platforms = [];
  let contentSize = 0;
  for (const { digest, platform } of manifests) {
    const found = await sources.manifest(digest);
    contentSize += found?.content_size ?? 0;
    const name = platform && platformName(platform);
    // Build attestations say that they are for unknown/unknown.
    if (name && !name.startsWith("unknown/"))
      platforms.push({ platform: name, digest, size: found?.content_size ?? 0 });
  }
  return { config: "", platforms, contentSize, references: manifests.map(({ digest }) => digest) };
}

async function describeImage(digest: Digest, { config, layers }: Manifest, sources: Sources) {
  const unique = new Map<Digest, Descriptor>([config, ...layers].map((part) => [part.digest, part]));
  const contentSize = [...unique.values()].reduce((sum, { size }) => sum + size, 0);
  const isImage = isImageConfigType(config.mediaType);
  const parsed = isImage ? await readConfig(config.digest, sources) : undefined;
  const platforms: Platforms = parsed?.architecture
    ? [{ platform: platformName(parsed), digest, size: contentSize }]
    : [];
  return {
    config: isImage ? config.digest : "",
    platforms,
    contentSize,
    references: [...unique.keys()],
  };
}

/** The configuration of an image; undefined for one that cannot be read, since its push is not refused for that. */
async function readConfig(digest: Digest, sources: Sources): Promise<ImageConfig | undefined> {
  const bytes = await sources.config(digest);
  try {
    return bytes && parseImageConfig(bytes);
  } catch {
    return undefined;
  }
}

function platformName({ os, architecture, variant }: Platform): string {
  return [os || "linux", architecture, variant].filter(Boolean).join("/");
}

/** Writes the row; one that is there stays, since the same digest is the same manifest. */
export async function insertManifest(queries: Queries, row: ManifestRow, pushedAt: number): Promise<void> {
  const added = await queries.run(
    `INSERT INTO manifests (repository, digest, media_type, size, content_size, config, platforms, artifact_type,
       subject, referrer, pushed_at, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (repository, digest) DO NOTHING`,
    row.repository,
    row.digest,
    row.mediaType,
    row.size,
    row.contentSize,
    row.config,
    JSON.stringify(row.platforms),
    row.artifactType,
    row.subject,
    row.referrer,
    pushedAt,
    row.payload,
  );
  if (added === 0) return;
  for (const digest of new Set(row.references)) {
    await queries.run(
      `INSERT INTO manifest_references (repository, manifest, digest) VALUES (?, ?, ?)
       ON CONFLICT (repository, manifest, digest) DO NOTHING`,
      row.repository,
      row.digest,
      digest,
    );
  }
}
