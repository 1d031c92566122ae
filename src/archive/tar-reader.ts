import { decompressors, detectCompression, magicLength } from "./compression.ts";
import { openInflater } from "./inflate.ts";
import { TarDecoder, type TarEvent } from "./tar-decoder.ts";
import type { TarEntry } from "./tar-entry.ts";

/**
 * A member of an archive that comes as a stream. Its content can be read until the next member is asked for; what is
 * not read is skipped.
 */
export interface TarMember {
  entry: TarEntry;
  /** Each piece is valid until the next. */
  content: AsyncIterable<Uint8Array>;
}

/**
 * The members of a tar that arrives in pieces (a request body), gzip and zstd decompressed. Runs on the event loop, a
 * piece at a time, and takes no more than it has used. Throws `invalidArgument` for what is no valid archive.
 */
export async function* readTar(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<TarMember> {
  const events = tarEvents(decompressed(chunks));
  for (;;) {
    const { value: event, done } = await events.next();
    if (done) return;
    if (event.kind !== "entry") continue;
    const content = contentOf(events);
    yield { entry: event.entry, content };
    for await (const _skipped of content);
  }
}

async function* contentOf(events: AsyncGenerator<TarEvent>): AsyncGenerator<Uint8Array> {
  for (;;) {
    const { value: event, done } = await events.next();
    if (done || event.kind === "end") return;
    if (event.kind === "data") yield event.bytes;
  }
}

async function* tarEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<TarEvent> {
  const decoder = new TarDecoder();
  for await (const chunk of chunks) yield* decoder.push(chunk);
  decoder.finish();
}

/**
 * The bytes, decompressed whatever they are compressed with; bzip2 and xz by the host's programs. `forBlob`: gzip and
 * zstd are left as they are, which registries take as layers.
 */
export async function* decompressed(
  chunks: AsyncIterable<Uint8Array>,
  { forBlob = false } = {},
): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    const start = await firstBytes(iterator);
    const kind = detectCompression(start);
    const all = chained(start, iterator);
    if (kind === "bzip2" || kind === "xz") {
      const { throughTool } = await import("../linux/tool-filter.ts");
      yield* throughTool(decompressors[kind], all);
    } else if (kind === "none" || forBlob) yield* all;
    else yield* inflated(kind, all);
  } finally {
    await iterator.return?.();
  }
}

async function* chained(start: Uint8Array, iterator: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (let chunk: Uint8Array | undefined = start; chunk; chunk = await nextChunk(iterator)) yield chunk;
}

async function* inflated(
  kind: "gzip" | "zstd",
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  using inflater = openInflater(kind);
  for await (const chunk of chunks) yield* inflater.push(chunk);
  yield* inflater.finish();
}

async function nextChunk(iterator: AsyncIterator<Uint8Array>): Promise<Uint8Array | undefined> {
  const { value, done } = await iterator.next();
  return done ? undefined : value;
}

async function firstBytes(iterator: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let start: Uint8Array = new Uint8Array(0);
  while (start.length < magicLength) {
    const chunk = await nextChunk(iterator);
    if (!chunk) break;
    start = start.length === 0 ? chunk : Buffer.concat([start, chunk]);
  }
  return start;
}
