import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Digest } from "../../oci/digest.ts";
import { blobUnknown } from "../blobs.ts";
import { digestFrom, type Exchange, type Headers, sendEmpty } from "../http.ts";
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
}

async function headBlob({ response, store }: Exchange, name: string, digest: Digest): Promise<void> {
  const size = await store.blobs.size(name, digest);
  if (size === undefined) throw blobUnknown(digest);
  response.writeHead(200, { ...headersOf(digest), "Content-Length": size }).end();
}

function headersOf(digest: Digest): Headers {
  return {
    "Content-Type": "application/octet-stream",
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
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  for await (const piece of blob.read(start, end)) {
    if (gone.signal.aborted) return;
    if (response.write(piece)) continue;
    // Rejects when the client goes away: there is nobody left to tell.
    await once(response, "drain", { signal: gone.signal }).catch(() => {});
  }
  response.end();
}

export async function deleteBlob(exchange: Exchange, { name, digest }: BlobParams): Promise<void> {
  await exchange.store.blobs.remove(name, digestFrom(digest));
  sendEmpty(exchange, 202);
}
