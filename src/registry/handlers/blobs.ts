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

/** How long a client that takes less than its upstream sends may hold up the copy, all in all. */
const patienceMillis = 3000;

/**
 * Fetches a blob from its upstream and sends it on as it comes. False when it is here now, and nothing was sent: another
 * client has fetched it meanwhile, or only a part was wanted. A client that is too slow gets the rest from the copy, so
 * that nobody else waits for it.
 */
async function passOn(
  exchange: Exchange,
  mirror: Mirror,
  { name, digest }: { name: string; digest: Digest },
): Promise<boolean> {
  const { request, response, store } = exchange;
  const passed = await mirror.oneAtATime(digest, async () => {
    if ((await store.blobs.size(name, digest)) !== undefined) return undefined;
    const { size, pass } = await mirror.blob(name, digest);
    if (size === undefined || request.headers.range !== undefined) {
      await pass(async () => {});
      return undefined;
    }
    response.writeHead(200, { ...headersOf(digest), "Content-Length": size });
    // The copy is completed even if this client goes.
    const follower = new Follower(response);
    await pass((piece) => follower.take(piece));
    return { sent: follower.sent, size };
  });
  if (!passed) return false;
  const { sent, size } = passed;
  if (sent < size) {
    await using blob = await store.blobs.open(name, digest);
    await sendPieces(response, blob, { start: sent, end: size - 1 });
  } else response.end();
  return true;
}

/** A client that gets a blob while it comes, until it has kept the blob waiting for too long. */
class Follower {
  readonly #response: ServerResponse;
  readonly #gone: AbortSignal;
  #patience = patienceMillis;
  /** Bytes that the client has been given. */
  sent = 0;

  constructor(response: ServerResponse) {
    this.#response = response;
    this.#gone = goneSignal(response);
  }

  async take(piece: Uint8Array): Promise<void> {
    if (this.#patience <= 0) return;
    this.sent += piece.length;
    const began = performance.now();
    await write(this.#response, piece, AbortSignal.any([this.#gone, AbortSignal.timeout(this.#patience)]));
    this.#patience -= performance.now() - began;
  }
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
