import type { Digest } from "../../oci/digest.ts";
import { type Descriptor, maxManifestSize } from "../../oci/manifest.ts";
import { mediaTypes } from "../../oci/media-types.ts";
import { digestFrom, type Exchange, notify, pathOf, sendEmpty, sendJson } from "../http.ts";
import { fetchPage, nextLink, pageRequest } from "../pages.ts";

/** GET /v2/: this is a registry. */
export async function ping(exchange: Exchange): Promise<void> {
  sendJson(exchange, 200, {});
}

/** The repositories that the client may pull from, sorted, in pages (`n`, `last`). */
export async function catalog(exchange: Exchange): Promise<void> {
  const { repositories } = exchange.store;
  const wanted = pageRequest(exchange.query);
  const visible = await exchange.identity.visible();
  const { page, headers } = await fetchPage(
    (last, limit) => repositories.names(last, limit, visible),
    wanted,
    "/v2/_catalog",
  );
  sendJson(exchange, 200, { repositories: page }, headers);
}

/** DELETE of a repository with all that is in it. */
export async function deleteRepository(exchange: Exchange, { name }: { name: string }): Promise<void> {
  await exchange.store.manifests.removeRepository(name);
  await notify(exchange, "delete", { repository: name });
  sendEmpty(exchange, 202);
}

/** The tags of a repository, sorted, in pages (`n`, `last`). */
export async function listTags(exchange: Exchange, { name }: { name: string }): Promise<void> {
  const { query, store } = exchange;
  const wanted = pageRequest(query);
  await store.repositories.require(name);
  const { page, headers } = await fetchPage(
    (last, limit) => store.tags.list(name, last, limit),
    wanted,
    pathOf(name, "tags", "list"),
  );
  sendJson(exchange, 200, { name, tags: page }, headers);
}

/**
 * The manifests that have `digest` as their subject, as an index; never a 404 (distribution-spec, "Listing Referrers").
 */
export async function listReferrers(
  exchange: Exchange,
  { name, digest: text }: { name: string; digest: string },
): Promise<void> {
  const { query } = exchange;
  const digest = digestFrom(text);
  const type = query.get("artifactType");
  const { manifests, next } = await referrersPage(exchange, name, digest);
  sendJson(
    exchange,
    200,
    { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests },
    {
      "Content-Type": mediaTypes.ociIndex,
      ...(type !== null && { "OCI-Filters-Applied": "artifactType" }),
      ...(next && { Link: nextLink(pathOf(name, "referrers", digest), next) }),
    },
  );
}

/** As many descriptors as an index may be long, and the query for the rest. */
async function referrersPage({ query, store }: Exchange, name: string, subject: Digest) {
  const type = query.get("artifactType");
  const manifests: Descriptor[] = [];
  let size = 1024;
  for await (const descriptor of store.referrers.list(name, subject, query.get("last") ?? "")) {
    if (type !== null && descriptor.artifactType !== type) continue;
    size += Buffer.byteLength(JSON.stringify(descriptor)) + 1;
    const last = manifests.at(-1)?.digest;
    if (size > maxManifestSize && last) {
      return { manifests, next: type === null ? { last } : { artifactType: type, last } };
    }
    manifests.push(descriptor);
  }
  return { manifests };
}
