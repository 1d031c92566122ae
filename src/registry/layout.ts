import { algorithmOf, type Digest, hexOf, isDigest } from "../oci/digest.ts";

/*
 * The keys of what is in the storage. Names of repositories cannot begin with `_`, so that what belongs to `a` never
 * meets the repository `a/b`. The index (`index/schema.ts`) can be made anew from these:
 *
 *     blobs/sha256/ab/<hex>                           content, once for all repositories
 *     repositories/<name>/_manifests/sha256/<hex>     media type, line feed, the manifest as it was pushed
 *     repositories/<name>/_tags/<tag>                 the digest that the tag points to
 *     uploads/<name>/_uploads/<id>                    bytes that have arrived so far
 */

/** What `Storage.list` takes for all content. */
export const blobsPrefix = "blobs/";
/** What `Storage.list` takes for all repositories. */
export const repositoriesPrefix = "repositories/";
/** Nothing but what is arriving is below it. */
export const uploadsPrefix = "uploads/";

export function blobKey(digest: Digest): string {
  const hex = hexOf(digest);
  return `${blobsPrefix}${algorithmOf(digest)}/${hex.slice(0, 2)}/${hex}`;
}

export function manifestKey(name: string, digest: Digest): string {
  return `${repositoriesPrefix}${name}/_manifests/${algorithmOf(digest)}/${hexOf(digest)}`;
}

export function tagKey(name: string, tag: string): string {
  return `${repositoriesPrefix}${name}/_tags/${tag}`;
}

export function uploadKey(name: string, id: string): string {
  return `${uploadsPrefix}${name}/_uploads/${id}`;
}

/** What a key below `repositories/` stands for; undefined for what the index does not keep. */
export function parseKey(
  key: string,
): { name: string; manifest: Digest } | { name: string; tag: string } | undefined {
  const match = /^repositories\/(.+?)\/_(manifests|tags)\/(.+)$/.exec(key);
  if (!match) return undefined;
  const [, name = "", kind, rest = ""] = match;
  if (kind === "tags") return { name, tag: rest };
  const manifest = rest.replace("/", ":");
  return isDigest(manifest) ? { name, manifest } : undefined;
}

/** The content that a key below `blobs/` stands for. */
export function parseBlobKey(key: string): Digest | undefined {
  const [, algorithm, hex] = /^blobs\/([^/]+)\/[^/]+\/([^/]+)$/.exec(key) ?? [];
  const digest = `${algorithm}:${hex}`;
  return isDigest(digest) ? digest : undefined;
}
