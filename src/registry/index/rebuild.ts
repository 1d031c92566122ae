import { type Digest, isDigest } from "../../oci/digest.ts";
import { digestLike } from "../../oci/digester.ts";
import { isIndex, maxManifestSize, parseManifestOrIndex } from "../../oci/manifest.ts";
import { isForeignLayerType } from "../../oci/media-types.ts";
import {
  blobKey,
  blobsPrefix,
  manifestKey,
  parseBlobKey,
  parseKey,
  repositoriesPrefix,
  tagKey,
} from "../layout.ts";
import { describe, insertManifest, type ManifestRow } from "../manifest-rows.ts";
import { touchRepository } from "../repositories.ts";
import type { Storage } from "../storage/storage.ts";
import type { Database, Queries } from "./database.ts";

/** How many manifests one transaction takes. */
const batchSize = 500;

interface Found {
  row: ManifestRow;
  blobs: Map<Digest, number>;
}

/**
 * Adds to an index what the storage holds beside it; returns how many manifests and tags there were. A manifest that is
 * not what its digest says is left out. Accounts, counts and settings are not in the storage, and gone with the index
 * that was lost.
 */
export async function rebuild(storage: Storage, database: Database, now: number) {
  const contents = await listContents(storage);
  const tags: { name: string; tag: string }[] = [];
  const sizes = new Map<string, { size: number; content_size: number }>();
  const later: { name: string; manifest: Digest }[] = [];
  let batch: Found[] = [];
  let manifests = 0;
  const flush = async () => {
    const found = batch;
    batch = [];
    await database.transaction(async (queries) => {
      for (const one of found) await insert(queries, one, contents, now);
    });
  };
  const take = async (name: string, digest: Digest, only: "images" | "indexes") => {
    const found = await read(storage, name, digest, sizes, only);
    if (found === "other") later.push({ name, manifest: digest });
    if (found === undefined || found === "other") return;
    sizes.set(`${name}@${digest}`, { size: found.row.size, content_size: found.row.contentSize });
    manifests++;
    if (batch.push(found) >= batchSize) await flush();
  };
  for await (const key of storage.list(repositoriesPrefix)) {
    const parsed = parseKey(key);
    if (parsed && "tag" in parsed) tags.push(parsed);
    else if (parsed) await take(parsed.name, parsed.manifest, "images");
  }
  // Indexes come last: their rows tell of the images that they name.
  for (const { name, manifest } of later.splice(0)) await take(name, manifest, "indexes");
  await flush();
  await insertContents(storage, database, contents, now);
  for (let at = 0; at < tags.length; at += batchSize) {
    await insertTags(storage, database, tags.slice(at, at + batchSize), now);
  }
  return { manifests, tags: tags.length };
}

/** The digests of all content: what a manifest names may have been lost. */
async function listContents(storage: Storage): Promise<ReadonlySet<Digest>> {
  const found = new Set<Digest>();
  for await (const key of storage.list(blobsPrefix)) {
    const digest = parseBlobKey(key);
    if (digest) found.add(digest);
  }
  return found;
}

/** Rows of content that no manifest names, so that the collector finds it. */
async function insertContents(
  storage: Storage,
  database: Database,
  contents: ReadonlySet<Digest>,
  now: number,
): Promise<void> {
  for (const digest of contents) {
    if (await database.get("SELECT digest FROM blobs WHERE digest = ?", digest)) continue;
    const object = await storage.open(blobKey(digest));
    if (!object) continue;
    await object[Symbol.asyncDispose]();
    await database.run(
      "INSERT INTO blobs (digest, size, held_until) VALUES (?, ?, ?) ON CONFLICT (digest) DO NOTHING",
      digest,
      object.size,
      now,
    );
  }
}

async function read(
  storage: Storage,
  name: string,
  digest: Digest,
  sizes: ReadonlyMap<string, { size: number; content_size: number }>,
  only: "images" | "indexes",
): Promise<Found | "other" | undefined> {
  const file = await storage.read(manifestKey(name, digest));
  if (!file) return undefined;
  const lineFeed = file.indexOf(0x0a);
  const bytes = file.subarray(lineFeed + 1);
  if (digestLike(digest, bytes) !== digest) return undefined;
  const document = parseManifestOrIndex(bytes, file.toString("latin1", 0, lineFeed));
  if (isIndex(document) !== (only === "indexes")) return "other";
  const isLong = !isIndex(document) && document.config.size > maxManifestSize;
  const row = await describe(name, digest, document, bytes.toString("utf8"), {
    config: async (wanted) => (isLong ? undefined : storage.read(blobKey(wanted))),
    manifest: async (wanted) => sizes.get(`${name}@${wanted}`),
  });
  const parts = isIndex(document) ? [] : [document.config, ...document.layers];
  const blobs = new Map(
    parts.filter((part) => !isForeignLayerType(part.mediaType)).map((part) => [part.digest, part.size]),
  );
  return { row, blobs };
}

async function insert(
  queries: Queries,
  { row, blobs }: Found,
  contents: ReadonlySet<Digest>,
  now: number,
): Promise<void> {
  await touchRepository(queries, row.repository, now);
  await insertManifest(queries, row, now);
  // Whether it was private is not in the storage: what may have been, is.
  await queries.run(
    "UPDATE repositories SET pushed_at = ?, private = 1 WHERE name = ? AND pushed_at IS NULL",
    now,
    row.repository,
  );
  for (const [digest, size] of blobs) {
    if (!contents.has(digest)) continue;
    await queries.run(
      "INSERT INTO blobs (digest, size, held_until) VALUES (?, ?, 0) ON CONFLICT (digest) DO NOTHING",
      digest,
      size,
    );
    await queries.run(
      `INSERT INTO repository_blobs (repository, digest, size, linked_at) VALUES (?, ?, ?, ?)
       ON CONFLICT (repository, digest) DO NOTHING`,
      row.repository,
      digest,
      size,
      now,
    );
  }
}

async function insertTags(
  storage: Storage,
  database: Database,
  tags: readonly { name: string; tag: string }[],
  now: number,
): Promise<void> {
  const found: [string, string, string][] = [];
  for (const { name, tag } of tags) {
    const digest = (await storage.read(tagKey(name, tag)))?.toString("latin1") ?? "";
    if (isDigest(digest)) found.push([name, tag, digest]);
  }
  await database.transaction(async (queries) => {
    for (const [name, tag, digest] of found) {
      await queries.run(
        `INSERT INTO tags (repository, name, digest, updated_at) VALUES (?, ?, ?, ?)
         ON CONFLICT (repository, name) DO NOTHING`,
        name,
        tag,
        digest,
        now,
      );
    }
  });
}
