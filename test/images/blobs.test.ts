import { expect, test } from "bun:test";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BlobWriter } from "../../src/images/blobs.ts";
import { sha256Of } from "../../src/oci/digester.ts";
import { Stores } from "./stores.ts";

const content = Buffer.from("0123456789".repeat(300_000));
const blob = { digest: sha256Of(content), size: content.length };

/** What a registry that serves ranges does. */
const fetchFrom =
  (bytes: Buffer, upTo = bytes.length) =>
  async (writer: BlobWriter) => {
    for (let at = writer.offset; at < upTo; at += 50_000)
      await writer.write(bytes.subarray(at, Math.min(upTo, at + 50_000)));
  };
const failure = new Error("connection reset");

test("a download goes on where it broke off, after a restart too", async () => {
  const before = new Stores();
  const broken = before.blobs.ingest(blob, async (writer) => {
    await fetchFrom(content, 2_000_000)(writer);
    throw failure;
  });
  await expect(broken).rejects.toBe(failure);
  expect(before.blobs.has(blob.digest)).toBe(false);
  await before.close();

  await using after = new Stores(before.root);
  const offsets: number[] = [];
  await after.blobs.ingest(blob, async (writer) => {
    offsets.push(writer.offset);
    await fetchFrom(content)(writer);
  });
  expect(offsets).toEqual([2_000_000]);
  expect(after.blobs.read(blob.digest, blob.size)).toEqual(content);
  expect(readdirSync(join(after.root, "ingest"))).toEqual([]);
});

test("bytes with another digest are refused, and forgotten", async () => {
  await using stores = new Stores();
  const wrong = Buffer.from(content);
  wrong[7] = 0;
  const attempt = stores.blobs.ingest(blob, fetchFrom(wrong));
  await expect(attempt).rejects.toThrow("does not have its digest");
  expect(readdirSync(join(stores.root, "ingest"))).toEqual([]);
  await stores.blobs.ingest(blob, async (writer) => {
    expect(writer.offset).toBe(0);
    await fetchFrom(content)(writer);
  });
  expect(stores.blobs.has(blob.digest)).toBe(true);
});

test("too many bytes are refused, too few are kept for the next attempt", async () => {
  await using stores = new Stores();
  const many = stores.blobs.ingest(blob, fetchFrom(Buffer.concat([content, content])));
  await expect(many).rejects.toThrow("larger than");
  const few = stores.blobs.ingest(blob, fetchFrom(content, 1_000));
  await expect(few).rejects.toThrow("unexpected EOF");
  await stores.blobs.ingest(blob, async (writer) => {
    expect(writer.offset).toBe(1_000);
    await writer.restart();
    expect(writer.offset).toBe(0);
    await fetchFrom(content)(writer);
  });
});

test("all who want a blob wait for one download, and it stops when the last has given up", async () => {
  await using stores = new Stores();
  let downloads = 0;
  const seen: number[] = [];
  const started = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const slow = async (writer: BlobWriter) => {
    downloads++;
    started.resolve();
    await release.promise;
    await fetchFrom(content)(writer);
  };
  const stop = new AbortController();
  const first = stores.blobs.ingest(blob, slow, { signal: stop.signal });
  const second = stores.blobs.ingest(blob, slow, { onProgress: (offset) => seen.push(offset) });
  await started.promise;
  stop.abort();
  await expect(first).rejects.toThrow("context canceled");
  release.resolve();
  await second;
  expect(downloads).toBe(1);
  expect(seen.at(-1)).toBe(blob.size);

  const other = sha256Of("other");
  const stopped = new AbortController();
  const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const alone = stores.blobs.ingest(
    { digest: other, size: 5 },
    (writer) =>
      new Promise((_, reject) => {
        begun.resolve();
        writer.signal.addEventListener("abort", () => {
          ended.resolve();
          reject(failure);
        });
      }),
    { signal: stopped.signal },
  );
  await begun.promise;
  stopped.abort();
  await expect(alone).rejects.toThrow("context canceled");
  await ended.promise;
});

test("a start makes rows and files agree", async () => {
  const before = new Stores();
  const kept = before.blobs.put(Buffer.from("kept"));
  const lost = before.blobs.put(Buffer.from("lost"));
  const cut = before.blobs.put(Buffer.from("will be cut"));
  await before.close();
  const orphan = join(before.root, "blobs/sha256", "ab".repeat(32));
  writeFileSync(orphan, "no row");
  writeFileSync(join(before.root, "ingest/put-1"), "half a file");
  writeFileSync(before.blobs.path(cut), "cut");
  rmSync(before.blobs.path(lost));

  await using after = new Stores(before.root);
  expect(after.blobs.list().map(({ digest }) => digest)).toEqual([kept]);
  expect(existsSync(orphan)).toBe(false);
  expect(readdirSync(join(after.root, "ingest"))).toEqual([]);
  await after.images.reconcile();
  expect(readdirSync(join(after.root, "trash"))).toEqual([]);
  // Nothing refers to it.
  expect(after.blobs.has(kept)).toBe(false);
});

test("a lease keeps what nothing refers to yet, until it is released", async () => {
  await using stores = new Stores();
  const lease = stores.blobs.lease();
  lease.add(sha256Of("leased"));
  const digest = stores.blobs.put(Buffer.from("leased"));
  await stores.images.collect();
  expect(stores.blobs.has(digest)).toBe(true);
  lease.release();
  await stores.images.collect();
  expect(stores.blobs.has(digest)).toBe(false);
});

test("after the end of a daemon only leases that another attempt continues hold on", async () => {
  const before = new Stores();
  before.blobs.storedLease("again").add(sha256Of("stored"));
  before.blobs.lease().add(sha256Of("held"));
  const digests = ["stored", "held"].map((text) => before.blobs.put(Buffer.from(text)));
  await before.images.collect();
  expect(digests.map((digest) => before.blobs.has(digest))).toEqual([true, true]);
  await before.close();
  await using after = new Stores(before.root);
  await after.images.collect();
  expect(digests.map((digest) => after.blobs.has(digest))).toEqual([true, false]);
});
