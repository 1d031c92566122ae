import { maxManifestSize } from "../../oci/manifest.ts";
import { RegistryError } from "../errors.ts";
import { digestFrom, type Exchange, notify, pathOf, readBody, sendEmpty } from "../http.ts";

/** Tags that one push may set. */
const maxTags = 100;

interface ManifestParams {
  name: string;
  /** A tag or a digest. */
  reference: string;
}

/** GET and HEAD of a manifest: byte for byte what was pushed. */
export async function getManifest(exchange: Exchange, params: ManifestParams): Promise<void> {
  const { request, response, store, registry } = exchange;
  const { name } = params;
  const reference = checked(params.reference);
  const from = registry.mirrors.of(name)?.manifest(name, reference) ?? store.manifests.get(name, reference);
  const { digest, mediaType, bytes } = await from;
  const etag = `"${digest}"`;
  const headers = { "Docker-Content-Digest": digest, ETag: etag };
  if (request.headers["if-none-match"]?.includes(etag)) {
    response.writeHead(304, headers).end();
    return;
  }
  response.writeHead(200, { ...headers, "Content-Type": mediaType, "Content-Length": bytes.byteLength });
  response.end(request.method === "HEAD" ? undefined : bytes);
  if (request.method === "HEAD") return;
  store.pulls.count(name, digest);
  await notify(exchange, "pull", target(name, reference, { digest, mediaType, size: bytes.byteLength }));
}

function target(
  name: string,
  reference: string,
  manifest: { digest: string; mediaType?: string; size?: number },
) {
  return { ...manifest, repository: name, ...(!reference.includes(":") && { tag: reference }) };
}

/** What looks like a digest must be one. */
function checked(reference: string): string {
  return reference.includes(":") ? digestFrom(reference) : reference;
}

/** PUT of a manifest or index, under a tag or under its digest. */
export async function putManifest(exchange: Exchange, { name, reference }: ManifestParams): Promise<void> {
  const { request, store, query } = exchange;
  const limit = maxManifestSize;
  // A push by digest may name its tags (distribution-spec, after 1.1).
  const tags = query.getAll("tag");
  if (tags.length > maxTags)
    throw new RegistryError("MANIFEST_INVALID", { details: [{ reason: "too many tags" }] });
  const bytes = await readBody(
    request,
    limit,
    () => new RegistryError("TOO_LARGE", { details: [{ limit }] }),
  );
  const type = request.headers["content-type"];
  const { digest, subject, mediaType } = await store.manifests.put(name, checked(reference), bytes, type, {
    tags,
  });
  await notify(exchange, "push", target(name, reference, { digest, mediaType, size: bytes.byteLength }));
  sendEmpty(exchange, 201, {
    Location: pathOf(name, "manifests", digest),
    "Docker-Content-Digest": digest,
    ...(subject && { "OCI-Subject": subject }),
    ...(reference.includes(":") && tags.length > 0 && { "OCI-Tag": tags.join(", ") }),
  });
}

/** DELETE of a tag, or of a manifest with its tags. */
export async function deleteManifest(exchange: Exchange, { name, reference }: ManifestParams): Promise<void> {
  const digest = await exchange.store.manifests.remove(name, checked(reference));
  await notify(exchange, "delete", target(name, reference, { digest }));
  sendEmpty(exchange, 202);
}
