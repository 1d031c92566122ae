import { algorithmOf, type Digest, isDigest } from "../../oci/digest.ts";
import { isRepositoryPath } from "../../oci/reference.ts";
import type { Scope } from "../auth/identity.ts";
import { RegistryError } from "../errors.ts";
import { bodyOf, digestFrom, type Exchange, notify, pathOf, sendEmpty } from "../http.ts";
import { type ByteRange, parseChunkRange } from "../range.ts";
import { uploadRange } from "../uploads.ts";

interface NameParams {
  name: string;
}

interface UploadParams {
  name: string;
  id: string;
}

/** POST: mounts a blob of another repository, takes a whole blob (`?digest=`), or begins an upload. */
export async function startUpload(exchange: Exchange, { name }: NameParams): Promise<void> {
  const { query, store } = exchange;
  const mount = query.get("mount");
  if (mount !== null && (await tryMount(exchange, name, mount))) return;
  if (mount === null && query.has("digest")) {
    await takeWhole(exchange, name, digestFrom(query.get("digest")));
    return;
  }
  const id = await store.uploads.start(name, hintedAlgorithm(query));
  sendProgress(exchange, 202, { name, id }, 0);
}

/** What a mount needs beside the right to push: to pull from where the blob is. */
export function mountScopes(query: URLSearchParams): Scope[] {
  const from = query.has("mount") ? query.get("from") : null;
  return from !== null && isRepositoryPath(from) ? [{ repository: from, action: "pull" }] : [];
}

/** What cannot be mounted is uploaded instead: the caller goes on with that. */
async function tryMount(exchange: Exchange, name: string, mount: string): Promise<boolean> {
  if (!isDigest(mount)) return false;
  for (const from of await sourcesOf(exchange, mount)) {
    if (!(await exchange.store.blobs.mount(name, mount, from))) continue;
    await notify(exchange, "mount", { ...blobTarget(name, mount), fromRepository: from });
    sendCreated(exchange, name, mount);
    return true;
  }
  return false;
}

/**
 * Where a blob may be mounted from: the repository that is named, or any that has it when none is (distribution-spec,
 * "Mounting a blob from another repository"). Whoever may not see a repository must not learn what is in it.
 */
async function sourcesOf({ query, identity, store }: Exchange, digest: Digest): Promise<string[]> {
  const from = query.get("from");
  if (from !== null) return isRepositoryPath(from) && (await identity.may(from, "pull")) ? [from] : [];
  const found = await store.repositories.withBlob(digest, await identity.visible());
  const allowed: string[] = [];
  for (const { name, private: isPrivate, pushed_at } of found) {
    // A token is for the repositories that it names; what is public needs none.
    if ((!isPrivate && pushed_at !== null) || (await identity.may(name, "pull"))) allowed.push(name);
  }
  return allowed;
}

async function takeWhole(exchange: Exchange, name: string, digest: Digest): Promise<void> {
  const { uploads } = exchange.store;
  const id = await uploads.start(name, algorithmOf(digest));
  try {
    await uploads.append(name, id, bodyOf(exchange.request));
    await uploads.finish(name, id, digest);
  } catch (error) {
    await uploads.cancel(name, id).catch(ignoreGone);
    throw error;
  }
  await notify(exchange, "push", blobTarget(name, digest));
  sendCreated(exchange, name, digest);
}

function blobTarget(repository: string, digest: Digest) {
  return { mediaType: "application/octet-stream", digest, repository };
}

function ignoreGone(error: unknown): void {
  if (!(error instanceof RegistryError && error.kind === "BLOB_UPLOAD_UNKNOWN")) throw error;
}

/** Clients may say beforehand which algorithm their digest will have, so that the content is read only once. */
function hintedAlgorithm(query: URLSearchParams): string {
  return query.get("digest-algorithm") === "sha512" ? "sha512" : "sha256";
}

/** GET: how far the upload is. */
export async function uploadStatus(exchange: Exchange, params: UploadParams): Promise<void> {
  sendProgress(exchange, 204, params, await exchange.store.uploads.size(params.name, params.id));
}

/** PATCH: the next chunk, or with no `Content-Range` all that is to come, as Docker pushes. */
export async function appendChunk(exchange: Exchange, params: UploadParams): Promise<void> {
  sendProgress(exchange, 202, params, await append(exchange, params));
}

async function append(exchange: Exchange, params: UploadParams): Promise<number> {
  const { name, id } = params;
  const { request, store } = exchange;
  try {
    return await store.uploads.append(name, id, bodyOf(request), await chunkRange(exchange, params));
  } catch (error) {
    if (!(error instanceof RegistryError && error.kind === "RANGE_INVALID")) throw error;
    // The spec wants the place to go on from told with the error.
    const headers = { ...error.headers, Location: locationOf(params) };
    throw new RegistryError("RANGE_INVALID", { headers, cause: error });
  }
}

async function chunkRange(
  { request, store }: Exchange,
  { name, id }: UploadParams,
): Promise<ByteRange | undefined> {
  const header = request.headers["content-range"];
  if (header === undefined) return undefined;
  const range = parseChunkRange(header);
  if (range) return range;
  const size = await store.uploads.size(name, id);
  throw new RegistryError("RANGE_INVALID", { headers: { Range: uploadRange(size) } });
}

/** PUT: the last chunk, which may be empty, and the digest of the whole. */
export async function finishUpload(exchange: Exchange, params: UploadParams): Promise<void> {
  const digest = digestFrom(exchange.query.get("digest"));
  const { "content-length": length, "transfer-encoding": encoding } = exchange.request.headers;
  if (encoding !== undefined || Number(length ?? 0) > 0) await append(exchange, params);
  await exchange.store.uploads.finish(params.name, params.id, digest);
  await notify(exchange, "push", blobTarget(params.name, digest));
  sendCreated(exchange, params.name, digest);
}

/** DELETE: forget what has arrived. */
export async function cancelUpload(exchange: Exchange, { name, id }: UploadParams): Promise<void> {
  await exchange.store.uploads.cancel(name, id);
  sendEmpty(exchange, 204);
}

const locationOf = ({ name, id }: UploadParams) => pathOf(name, "blobs", "uploads", id);

function sendProgress(exchange: Exchange, status: number, params: UploadParams, size: number): void {
  sendEmpty(exchange, status, {
    Location: locationOf(params),
    Range: uploadRange(size),
    "Docker-Upload-UUID": params.id,
  });
}

function sendCreated(exchange: Exchange, name: string, digest: Digest): void {
  sendEmpty(exchange, 201, { Location: pathOf(name, "blobs", digest), "Docker-Content-Digest": digest });
}
