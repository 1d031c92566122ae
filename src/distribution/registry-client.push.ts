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

/** Sends the whole blob, of `size` bytes, and closes the upload. */
export async function finishUpload(
  client: RegistryClient,
  location: UploadLocation,
  blob: { digest: Digest; size: number },
  body: RequestBody,
  signal?: AbortSignal,
): Promise<void> {
  const url = new URL(location);
  url.searchParams.set("digest", blob.digest);
  const headers = { "content-type": "application/octet-stream", "content-length": String(blob.size) };
  const response = await client.send("PUT", url, { signal, headers, body });
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
