import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Digest } from "../../oci/digest.ts";
import type { OpenBlob } from "../blobs.ts";
import { readPieces } from "../files.ts";
import { digestFrom, type Exchange, type Headers, sendEmpty } from "../http.ts";
import { type ByteRange, parseRange } from "../range.ts";

interface BlobParams {
  name: string;
  digest: string;
}

/** GET and HEAD of a blob, with `Range`, `If-Range` and `If-None-Match`. */
export async function getBlob(exchange: Exchange, { name, digest: text }: BlobParams): Promise<void> {
  const { request, response, store } = exchange;
  const digest = digestFrom(text);
  await using blob = await store.blobs.open(name, digest);
  const headers: Headers = {
    "Content-Type": "application/octet-stream",
    "Docker-Content-Digest": digest,
    "Accept-Ranges": "bytes",
    // What a digest names never changes.
    "Cache-Control": "max-age=31536000, immutable",
    ETag: etagOf(digest),
  };
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
  if (request.method === "HEAD") response.end();
  else await sendPieces(response, blob, { start, end });
}

const etagOf = (digest: Digest) => `"${digest}"`;

function wantedRange({ request }: Exchange, digest: Digest, size: number) {
  const ifRange = request.headers["if-range"];
  // Range has a meaning for GET only (RFC 9110, 14.2).
  if (request.method !== "GET") return undefined;
  if (ifRange !== undefined && ifRange !== etagOf(digest)) return undefined;
  return parseRange(request.headers.range, size);
}

/** Sends part of a blob no faster than the client takes it; ends early when the client has gone. */
async function sendPieces(
  response: ServerResponse,
  blob: OpenBlob,
  { start, end }: ByteRange,
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  for await (const piece of readPieces(blob.handle, start, end - start + 1)) {
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
