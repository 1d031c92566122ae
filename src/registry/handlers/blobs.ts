import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Digest } from "../../oci/digest.ts";
import { blobUnknown } from "../blobs.ts";
import { digestFrom, type Exchange, type Headers, notify, sendEmpty } from "../http.ts";
import type { Mirror } from "../proxy/mirrors.ts";
import { type ByteRange, parseRange } from "../range.ts";
import type { OpenObject } from "../storage/storage.ts";

interface BlobParams {
  name: string;
  digest: string;
}

/** GET and HEAD of a blob; GET with `Range`, `If-Range` and `If-None-Match`. */
export async function getBlob(exchange: Exchange, { name, digest: text }: BlobParams): Promise<void> {
  const { request, response, store } = exchange;
  const digest = digestFrom(text);
  if (request.method === "HEAD") return await headBlob(exchange, name, digest);
  const mirror = exchange.registry.mirrors.of(name);
  if (mirror && (await store.blobs.size(name, digest)) === undefined) {
    if (await passOn(exchange, mirror, { name, digest })) return;
  }
  await using blob = await store.blobs.open(name, digest);
  const headers = headersOf(digest);
  if (request.headers["if-none-match"]?.includes(etagOf(digest))) {
    response.writeHead(304, headers).end();
    return;
  }
  const range = wantedRange(exchange, digest, blob.size);
  if (range === "unsatisfiable") {
    sendEmpty(exchange, 416, { ...headers, "Content-Range": `bytes */${blob.size}` });
    return;
  }
  const { start, end } = range ?? { start: 0, end: blob.size - 1 };
  response.writeHead(range ? 206 : 200, {
    ...headers,
    "Content-Length": end - start + 1,
    ...(range && { "Content-Range": `bytes ${start}-${end}/${blob.size}` }),
  });
  await sendPieces(response, blob, { start, end });
  if (!range)
    await notify(exchange, "pull", { mediaType: blobType, digest, size: blob.size, repository: name });
}

const blobType = "application/octet-stream";

/**
 * Fetches a blob from its upstream and sends it on as it comes. False when it is here now, and nothing was sent: another
 * client has fetched it meanwhile, or only a part was wanted.
 */
function passOn(exchange: Exchange, mirror: Mirror, { name, digest }: { name: string; digest: Digest }) {
  const { request, response, store } = exchange;
  return mirror.oneAtATime(digest, async () => {
    if ((await store.blobs.size(name, digest)) !== undefined) return false;
    const { size, pass } = await mirror.blob(name, digest);
    if (size === undefined || request.headers.range !== undefined) {
      await pass(async () => {});
      return false;
    }
    response.writeHead(200, { ...headersOf(digest), "Content-Length": size });
    const gone = goneSignal(response);
    // The copy is completed even if this client goes.
    await pass((piece) => write(response, piece, gone));
    response.end();
    return true;
  });
}

async function headBlob(exchange: Exchange, name: string, digest: Digest): Promise<void> {
  const { response, store, registry } = exchange;
  const size =
    (await store.blobs.size(name, digest)) ?? (await registry.mirrors.of(name)?.blobSize(name, digest));
  if (size === undefined) throw blobUnknown(digest);
  response.writeHead(200, { ...headersOf(digest), "Content-Length": size }).end();
}

function headersOf(digest: Digest): Headers {
  return {
    "Content-Type": blobType,
    "Docker-Content-Digest": digest,
    "Accept-Ranges": "bytes",
    // What a digest names never changes.
    "Cache-Control": "max-age=31536000, immutable",
    ETag: etagOf(digest),
  };
}

const etagOf = (digest: Digest) => `"${digest}"`;

function wantedRange({ request }: Exchange, digest: Digest, size: number) {
  const ifRange = request.headers["if-range"];
  if (ifRange !== undefined && ifRange !== etagOf(digest)) return undefined;
  return parseRange(request.headers.range, size);
}

/** Sends part of a blob no faster than the client takes it; ends early when the client has gone. */
async function sendPieces(
  response: ServerResponse,
  blob: OpenObject,
  { start, end }: ByteRange,
): Promise<void> {
  const gone = goneSignal(response);
  for await (const piece of blob.read(start, end)) {
    if (gone.aborted) return;
    await write(response, piece, gone);
  }
  response.end();
}

/** Fires when the client goes away. */
function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  if (response.destroyed) gone.abort();
  else response.once("close", () => gone.abort());
  return gone.signal;
}

async function write(response: ServerResponse, piece: Uint8Array, gone: AbortSignal): Promise<void> {
  if (gone.aborted || response.write(piece)) return;
  // Rejects when the client goes away: there is nobody left to tell.
  await once(response, "drain", { signal: gone }).catch(() => {});
}

export async function deleteBlob(exchange: Exchange, { name, digest }: BlobParams): Promise<void> {
  const wanted = digestFrom(digest);
  await exchange.store.blobs.remove(name, wanted);
  await notify(exchange, "delete", { mediaType: blobType, digest: wanted, repository: name });
  sendEmpty(exchange, 202);
}
