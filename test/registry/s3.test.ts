import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { sha256Of } from "../../src/oci/digester.ts";
import { RegistryStore } from "../../src/registry/store.ts";
import { hasS3, startS3 } from "./services.ts";

const megabyte = 1024 * 1024;

/** Passes requests on, and notes them. */
function watch(endpoint: string) {
  const seen: string[] = [];
  const server = Bun.serve({
    port: 0,
    maxRequestBodySize: 100 * megabyte,
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url);
      const copies = request.headers.has("x-amz-copy-source");
      seen.push(`${request.method}${copies ? " copy" : ""} ${pathname}${search}`);
      const body = request.body === null ? null : await request.arrayBuffer();
      return fetch(endpoint + pathname + search, { method: request.method, headers: request.headers, body });
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, seen, [Symbol.dispose]: () => void server.stop(true) };
}

async function* piecesOf(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Chunks by their sizes, how many objects are copied within the bucket, and whether none had to be read again. */
const uploads = [
  ["one piece", [100], 1, true],
  ["nothing", [], 0, true],
  ["parts of a long body", [40 * megabyte], 3, true],
  ["chunks that S3 takes", [6 * megabyte, 6 * megabyte, 5], 3, true],
  ["chunks that are too small for S3", [1000, 1000, 1000], 0, false],
] as const;

test.skipIf(!hasS3)(
  `a blob in a bucket is put together within the bucket where that can be${hasS3 ? "" : " (skipped: no S3 server is installed)"}`,
  async () => {
    await using s3 = await startS3();
    using watched = watch(s3.options.endpoint ?? "");
    const options = { ...s3.options, endpoint: watched.url };
    const folder = await mkdtemp("/tmp/registry-s3-index-");
    await using _gone = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
    const database = join(folder, "index.sqlite");
    await using store = await RegistryStore.open({ storage: { s3: options }, database });
    for (const [name, chunks, copies, isCopied] of uploads) {
      const content = randomBytes(chunks.reduce((sum, size) => sum + size, 0));
      const id = await store.uploads.start("a");
      let at = 0;
      for (const size of chunks) {
        at = await store.uploads.append("a", id, piecesOf(content.subarray(at, at + size), 300_000));
      }
      watched.seen.length = 0;
      await store.uploads.finish("a", id, sha256Of(content));
      const copied = watched.seen.filter((line) => line.startsWith("PUT copy"));
      const read = watched.seen.filter((line) => /^GET .*_uploads\/.*\d{16}/.test(line));
      expect([name, copied.length, read.length === 0]).toEqual([name, copies, isCopied]);
      await using blob = await store.blobs.open("a", sha256Of(content));
      const got: Uint8Array[] = [];
      if (blob.size > 0) for await (const piece of blob.read(0, blob.size - 1)) got.push(piece);
      expect(Buffer.concat(got).equals(content)).toBe(true);
      expect(await store.uploads.size("a", id).catch(({ kind }) => kind)).toBe("BLOB_UPLOAD_UNKNOWN");
    }
  },
  60_000,
);
