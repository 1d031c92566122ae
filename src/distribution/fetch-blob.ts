import { sleep } from "../base/async.ts";
import { cancelled, isEngineError, messageOf, unavailable } from "../base/errors.ts";
import type { BlobWriter } from "../images/blobs.ts";
import { redactUrl } from "./network-error.ts";
import { type BlobBody, blobAt, type RegistryClient } from "./registry-client.ts";
import { RegistryError } from "./registry-error.ts";
import type { Repository } from "./repository.ts";
import type { RegistryTransport } from "./transport.ts";

/** After an attempt that brought at least so many bytes the next one need not wait: the line is bad, and it goes on. */
const worthwhile = 64 * 1024;
/** Of the addresses that a descriptor names, so many are tried. */
const maxUrls = 8;

/** Where else a blob may be had: what its descriptor says, for layers that registries do not keep. */
export interface FetchOptions extends FetchEvents {
  urls?: readonly string[];
}

export interface FetchEvents {
  /** Called each second while the next attempt is waited for. */
  onRetry?: (seconds: number) => void;
  /** Who delivers. */
  onSource?: (client: RegistryClient) => void;
}

/**
 * Fetches what `writer` still needs. A cut is taken up where it happened: at once when the attempt brought something
 * worthwhile, else after a wait, which grows while nothing comes. A mirror that fails is left for the next endpoint.
 * Throws `RegistryError`, `unavailable` or `cancelled` when attempts in a row brought nothing; what came so far stays.
 */
export async function fetchBlob(
  transport: RegistryTransport,
  repository: Repository,
  writer: BlobWriter,
  signal: AbortSignal,
  events: FetchOptions = {},
): Promise<void> {
  for (let failed = 0; ; ) {
    const before = writer.offset;
    try {
      await fetchFromAny(transport, repository, writer, signal, events);
      return;
    } catch (error) {
      if (signal.aborted) throw cancelled("context canceled", error);
      if (!isTemporary(error)) throw error;
      const brought = writer.offset - before;
      failed = brought > 0 ? 0 : failed + 1;
      const delay = brought >= worthwhile ? 0 : transport.retryDelays[Math.max(0, failed - 1)];
      if (delay === undefined) throw error;
      transport.log.info("download was cut off", {
        digest: writer.digest,
        at: writer.offset,
        error: messageOf(error),
      });
      await countDown(Math.max(delay, retryAfterOf(error)), signal, events.onRetry);
    }
  }
}

function isTemporary(error: unknown): boolean {
  return error instanceof RegistryError ? error.temporary : isEngineError(error, "unavailable");
}

function retryAfterOf(error: unknown): number {
  return error instanceof RegistryError ? (error.retryAfter ?? 0) : 0;
}

async function countDown(millis: number, signal: AbortSignal, tell: FetchEvents["onRetry"]): Promise<void> {
  for (let left = millis; left > 0; left -= 1000) {
    tell?.(Math.ceil(left / 1000));
    await sleep(Math.min(left, 1000), signal);
  }
}

/** One attempt at each endpoint, until one of them has delivered it all. */
async function fetchFromAny(
  transport: RegistryTransport,
  repository: Repository,
  writer: BlobWriter,
  signal: AbortSignal,
  events: FetchOptions,
): Promise<void> {
  let failure: unknown;
  for (const client of repository.clients) {
    try {
      events.onSource?.(client);
      await fetchFrom(client, writer, signal, transport.stallTimeout);
      return;
    } catch (error) {
      const elsewhere = isMissing(error) ? (events.urls ?? []) : [];
      if (elsewhere.length > 0) return fetchElsewhere(transport, elsewhere, writer, signal);
      if (signal.aborted || !repository.fallsThrough(client, error)) throw error;
      const endpoint = redactUrl(client.endpoint.url);
      transport.log.info("blob could not be fetched", {
        endpoint,
        digest: writer.digest,
        error: messageOf(error),
      });
      failure = error;
    }
  }
  throw failure;
}

function isMissing(error: unknown): boolean {
  return error instanceof RegistryError && error.status === 404;
}

/** One attempt at each of the addresses that a descriptor names; nobody's credentials are for them. */
async function fetchElsewhere(
  transport: RegistryTransport,
  urls: readonly string[],
  writer: BlobWriter,
  signal: AbortSignal,
): Promise<void> {
  let failure: unknown;
  for (const text of urls.slice(0, maxUrls)) {
    if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) continue;
    try {
      const fetchAt = (offset: number, either: AbortSignal) =>
        blobAt(transport.http, new URL(text), offset, either);
      return await fetchWith(fetchAt, writer, signal, transport.stallTimeout);
    } catch (error) {
      if (signal.aborted) throw error;
      failure = error;
    }
  }
  throw failure ?? unavailable(`blob ${writer.digest}: no address to fetch it from`);
}

function fetchFrom(
  client: RegistryClient,
  writer: BlobWriter,
  signal: AbortSignal,
  stallTimeout: number,
): Promise<void> {
  const fetchAt = (offset: number, either: AbortSignal) => client.blob(writer.digest, offset, either);
  return fetchWith(fetchAt, writer, signal, stallTimeout);
}

async function fetchWith(
  fetchAt: (offset: number, signal: AbortSignal) => Promise<BlobBody>,
  writer: BlobWriter,
  signal: AbortSignal,
  stallTimeout: number,
): Promise<void> {
  if (writer.offset === writer.size) return;
  const stalled = new AbortController();
  const body = await fetchAt(writer.offset, AbortSignal.any([signal, stalled.signal]));
  // A server that does not know ranges sends what we have once more.
  let skip = writer.offset - body.offset;
  if (skip < 0) throw unavailable("the registry sent another part of a blob than was asked for");
  const reader = body.stream.getReader();
  try {
    for (;;) {
      const chunk = await readChunk(reader, stalled, stallTimeout);
      if (chunk === undefined) break;
      const wanted = chunk.subarray(Math.min(skip, chunk.byteLength));
      skip -= chunk.byteLength - wanted.byteLength;
      if (wanted.byteLength > 0) await writer.write(wanted);
    }
  } finally {
    // The connection is of no more use; that it cannot be cancelled any more is as good.
    await reader.cancel().catch(() => {});
  }
  if (writer.offset < writer.size) throw unavailable("unexpected EOF");
}

/** The next piece of a body, undefined at its end. Throws `unavailable` when it is cut or does not move. */
async function readChunk(
  reader: { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> },
  stalled: AbortController,
  stallTimeout: number,
): Promise<Uint8Array | undefined> {
  const timer = setTimeout(() => stalled.abort(), stallTimeout);
  try {
    const { done, value } = await reader.read();
    return done ? undefined : value;
  } catch (error) {
    throw unavailable("unexpected EOF", error);
  } finally {
    clearTimeout(timer);
  }
}
