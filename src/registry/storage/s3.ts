import { S3Client } from "bun";
import { S3Copier } from "./s3-copy.ts";
import type { OpenObject, Storage } from "./storage.ts";

/** Where the bucket is. `endpoint` is for servers that are not Amazon's. */
export interface S3Options {
  bucket: string;
  region?: string;
  endpoint?: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Put before all keys; "" or ends in a slash. */
  prefix: string;
}

/** Parts of an arriving object are objects of at most so many bytes, so that memory stays small. */
const partSize = 16 * 1024 * 1024;
/** Digits of a part's position in its key: they sort as numbers do. */
const digits = 16;
const multipartSize = 8 * 1024 * 1024;

/**
 * Objects of a bucket. What is arriving are parts, `<key>/<position>-<length>`, beside an empty `<key>/begun`; they are
 * joined at the end. Every instance sees them, and a part is there as a whole or not at all.
 */
export class S3Storage implements Storage {
  readonly #client: S3Client;
  readonly #copier: S3Copier;
  readonly #prefix: string;

  constructor(options: S3Options) {
    const { prefix, ...client } = options;
    this.#client = new S3Client(client);
    this.#copier = new S3Copier(options);
    this.#prefix = prefix;
  }

  #file(key: string) {
    return this.#client.file(this.#prefix + key);
  }

  async open(key: string): Promise<OpenObject | undefined> {
    const file = this.#file(key);
    const found = await missingAs(file.stat(), undefined);
    if (!found) return undefined;
    return {
      size: found.size,
      read: (start, end) => piecesOf(file.slice(start, end + 1).stream()),
      [Symbol.asyncDispose]: async () => {},
    };
  }

  async read(key: string): Promise<Buffer | undefined> {
    const bytes = await missingAs(this.#file(key).bytes(), undefined);
    return bytes && Buffer.from(bytes);
  }

  async write(key: string, bytes: Uint8Array | string): Promise<void> {
    await this.#file(key).write(bytes);
  }

  async remove(key: string): Promise<boolean> {
    if (!(await this.#file(key).exists())) return false;
    await this.#file(key).delete();
    return true;
  }

  async *list(prefix: string): AsyncGenerator<string> {
    for await (const { key } of this.#entries(prefix)) yield key;
  }

  async *#entries(prefix: string): AsyncGenerator<{ key: string; changed: number }> {
    let startAfter: string | undefined;
    for (;;) {
      const page = await this.#client.list({
        prefix: this.#prefix + prefix,
        ...(startAfter !== undefined && { startAfter }),
      });
      const entries = page.contents ?? [];
      for (const { key, lastModified } of entries) {
        yield { key: key.slice(this.#prefix.length), changed: Date.parse(lastModified ?? "") };
      }
      startAfter = entries.at(-1)?.key;
      if (!page.isTruncated || startAfter === undefined) return;
    }
  }

  begin(key: string): Promise<void> {
    return this.write(`${key}/begun`, "");
  }

  async arrived(key: string): Promise<number | undefined> {
    const parts = await this.#parts(key);
    return parts && (parts.at(-1)?.end ?? 0);
  }

  /** The parts that follow one another from the start on, or undefined when nothing was begun. */
  async #parts(key: string): Promise<Part[] | undefined> {
    let begun = false;
    const found: Part[] = [];
    for await (const part of this.list(`${key}/`)) {
      const [position, length] = part.slice(key.length + 1).split("-");
      if (length === undefined) begun = true;
      else found.push({ key: part, start: Number(position), end: Number(position) + Number(length) });
    }
    if (!begun) return undefined;
    const parts: Part[] = [];
    // Of parts with the same start, which a client that tried twice made, the longest is taken.
    for (const part of found.sort((a, b) => a.start - b.start || b.end - a.end)) {
      if (part.start === (parts.at(-1)?.end ?? 0)) parts.push(part);
    }
    return parts;
  }

  async append(key: string, position: number, pieces: AsyncIterable<Uint8Array>): Promise<number> {
    let end = position;
    let waiting: Uint8Array[] = [];
    let size = 0;
    const flush = async () => {
      if (size === 0) return;
      await this.write(`${key}/${String(end).padStart(digits, "0")}-${size}`, Buffer.concat(waiting, size));
      end += size;
      waiting = [];
      size = 0;
    };
    try {
      for await (const piece of pieces) {
        waiting.push(piece);
        size += piece.length;
        if (size >= partSize) await flush();
      }
    } finally {
      // What came before the client went is kept too.
      await flush();
    }
    return end;
  }

  async truncate(key: string, size: number): Promise<void> {
    for await (const part of this.list(`${key}/`)) {
      const [position, length] = part.slice(key.length + 1).split("-");
      if (length !== undefined && Number(position) >= size) await this.#file(part).delete();
    }
  }

  async *arriving(key: string): AsyncGenerator<Uint8Array> {
    for (const part of (await this.#parts(key)) ?? []) yield* piecesOf(this.#file(part.key).stream());
  }

  async commit(key: string, to: string, size: number): Promise<void> {
    const parts = (await this.#parts(key)) ?? [];
    const sources = parts.map(({ key: part, start, end }) => ({
      key: this.#prefix + part,
      size: end - start,
    }));
    if (await this.#copier.join(sources, this.#prefix + to)) {
      // Nothing more to do: no byte came here again.
    } else if (size <= partSize) {
      const pieces: Uint8Array[] = [];
      for await (const piece of this.arriving(key)) pieces.push(piece);
      await this.write(to, Buffer.concat(pieces));
    } else {
      await this.#join(key, to);
    }
    await this.cancel(key);
  }

  async #join(key: string, to: string): Promise<void> {
    const writer = this.#file(to).writer({ partSize: multipartSize, queueSize: 2, retry: 3 });
    try {
      for await (const piece of this.arriving(key)) {
        writer.write(piece);
        await writer.flush();
      }
    } catch (error) {
      await writer.end(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
    await writer.end();
  }

  async cancel(key: string): Promise<boolean> {
    let found = false;
    for await (const part of this.list(`${key}/`)) {
      await this.#file(part).delete();
      found = true;
    }
    return found;
  }

  async removeAbandoned(prefix: string, before: number): Promise<number> {
    const latest = new Map<string, number>();
    for await (const { key, changed } of this.#entries(prefix)) {
      const upload = key.slice(0, key.lastIndexOf("/"));
      latest.set(upload, Math.max(changed, latest.get(upload) ?? 0));
    }
    let removed = 0;
    for (const [upload, changed] of latest) {
      if (changed <= before && (await this.cancel(upload))) removed++;
    }
    return removed;
  }
}

interface Part {
  key: string;
  start: number;
  end: number;
}

async function* piecesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    await reader.cancel();
  }
}

async function missingAs<T, U>(task: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await task;
  } catch (error) {
    if (isNotFound(error)) return otherwise;
    throw error;
  }
}

function isNotFound(error: unknown): boolean {
  if (typeof error !== "object" || error === null || !("code" in error)) return false;
  return (
    error.code === "NoSuchKey" ||
    error.code === "NotFound" ||
    (error.code === "UnknownError" && "status" in error && error.status === 404)
  );
}
