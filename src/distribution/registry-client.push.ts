import { internal } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { RequestBody } from "./http.ts";
import type { RegistryClient } from "./registry-client.ts";
import { readRegistryError } from "./registry-error.ts";

/** Where an upload goes on, as the registry says. */
export type UploadLocation = URL;

function locationOf(response: Response, from: URL): URL {
  const location = response.headers.get("location") ?? "";
  if (!URL.canParse(location, from.href)) throw internal("the registry did not say where to upload");
  const url = new URL(location, from);
  if (from.protocol === "https:" && url.protocol !== "https:") {
    throw internal("the registry sent an upload to a place that is not secure");
  }
  return url;
}

/**
 * Begins an upload. With `mount`, the registry may take the blob over from another of its repositories, and then
 * nothing is left to do: undefined (distribution specification, "Mounting a blob from another repository").
 */
export async function startUpload(
  client: RegistryClient,
  mount?: { digest: Digest; from: string },
  signal?: AbortSignal,
): Promise<UploadLocation | undefined> {
  const url = client.url("blobs/uploads/");
  if (mount !== undefined) {
    url.searchParams.set("mount", mount.digest);
    url.searchParams.set("from", mount.from);
  }
  const response = await client.send("POST", url, { signal, headers: { "content-length": "0" } });
  if (response.status === 201 && mount !== undefined) {
    await response.body?.cancel();
    return undefined;
  }
  if (response.status !== 202) throw await readRegistryError(response, "name unknown");
  await response.body?.cancel();
  return locationOf(response, url);
}

/**
 * Sends `length` bytes of a blob from `offset` on, and tells where the upload goes on (distribution specification,
 * "Pushing a blob in chunks").
 */
export async function appendUpload(
  client: RegistryClient,
  location: UploadLocation,
  part: { offset: number; length: number; body: RequestBody },
  signal?: AbortSignal,
): Promise<UploadLocation> {
  const { offset, length, body } = part;
  const headers: Record<string, string> = {
    "content-type": "application/octet-stream",
    "content-length": String(length),
  };
  if (offset > 0) headers["content-range"] = `${offset}-${offset + length - 1}`;
  const response = await client.send("PATCH", location, { signal, headers, body });
  // Docker's registry answers 202, others 204 as an older specification had it.
  if (response.status !== 202 && response.status !== 204) {
    throw await readRegistryError(response, "blob upload unknown");
  }
  await response.body?.cancel();
  return locationOf(response, location);
}

/**
 * How much of an upload the registry has; undefined when it cannot go on with it (distribution specification, "Resuming
 * an upload").
 */
export async function askUpload(
  client: RegistryClient,
  location: UploadLocation,
  signal?: AbortSignal,
): Promise<{ offset: number; location: UploadLocation } | undefined> {
  const response = await client.send("GET", location, { signal });
  await response.body?.cancel();
  const end = /^(?:bytes=)?0-(\d{1,15})$/.exec(response.headers.get("range") ?? "")?.[1];
  if (response.status !== 204 || end === undefined) return undefined;
  const next = response.headers.has("location") ? locationOf(response, location) : location;
  // That nothing is there yet is told in the same way as one byte.
  return { offset: end === "0" ? 0 : Number(end) + 1, location: next };
}

/** Closes an upload that has all bytes; the registry checks the digest. */
export async function finishUpload(
  client: RegistryClient,
  location: UploadLocation,
  digest: Digest,
  signal?: AbortSignal,
): Promise<void> {
  const url = new URL(location);
  url.searchParams.set("digest", digest);
  const response = await client.send("PUT", url, { signal, headers: { "content-length": "0" } });
  if (response.status !== 201) throw await readRegistryError(response, "blob upload unknown");
  await response.body?.cancel();
}

/** Stores a manifest under a tag or its digest. */
export async function putManifest(
  client: RegistryClient,
  reference: string,
  manifest: { bytes: Uint8Array; mediaType: string },
  signal?: AbortSignal,
): Promise<void> {
  const response = await client.send("PUT", client.url(`manifests/${reference}`), {
    signal,
    headers: { "content-type": manifest.mediaType },
    body: new Uint8Array(manifest.bytes),
  });
  if (response.status !== 201) throw await readRegistryError(response, "name unknown");
  await response.body?.cancel();
}
