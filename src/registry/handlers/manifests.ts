import { maxManifestSize } from "../../oci/manifest.ts";
import { RegistryError } from "../errors.ts";
import { digestFrom, type Exchange, pathOf, readBody, sendEmpty } from "../http.ts";

interface ManifestParams {
  name: string;
  /** A tag or a digest. */
  reference: string;
}

/** GET and HEAD of a manifest: byte for byte what was pushed. */
export async function getManifest(exchange: Exchange, params: ManifestParams): Promise<void> {
  const { request, response, store } = exchange;
  const { digest, mediaType, bytes } = await store.manifests.get(params.name, checked(params.reference));
  const etag = `"${digest}"`;
  const headers = { "Docker-Content-Digest": digest, ETag: etag };
  if (request.headers["if-none-match"]?.includes(etag)) {
    response.writeHead(304, headers).end();
    return;
  }
  response.writeHead(200, { ...headers, "Content-Type": mediaType, "Content-Length": bytes.byteLength });
  response.end(request.method === "HEAD" ? undefined : bytes);
}

/** What looks like a digest must be one. */
function checked(reference: string): string {
  return reference.includes(":") ? digestFrom(reference) : reference;
}

/** PUT of a manifest or index, under a tag or under its digest. */
export async function putManifest(exchange: Exchange, { name, reference }: ManifestParams): Promise<void> {
  const { request, store } = exchange;
  const limit = maxManifestSize;
  const bytes = await readBody(
    request,
    limit,
    () => new RegistryError("TOO_LARGE", { details: [{ limit }] }),
  );
  const type = request.headers["content-type"];
  const { digest, subject } = await store.manifests.put(name, checked(reference), bytes, type);
  sendEmpty(exchange, 201, {
    Location: pathOf(name, "manifests", digest),
    "Docker-Content-Digest": digest,
    ...(subject && { "OCI-Subject": subject }),
  });
}

/** DELETE of a tag, or of a manifest with its tags. */
export async function deleteManifest(exchange: Exchange, { name, reference }: ManifestParams): Promise<void> {
  await exchange.store.manifests.remove(name, checked(reference));
  sendEmpty(exchange, 202);
}
