import { describe, expect, test } from "bun:test";
import { fetchBlob } from "../../src/distribution/fetch-blob.ts";
import { Repository } from "../../src/distribution/repository.ts";
import type { TransportOptions } from "../../src/distribution/transport.ts";
import type { BlobStore } from "../../src/images/blobs.ts";
import { sha256Of } from "../../src/oci/digester.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { openStores, temporaryFolder, testTransport } from "./stores.ts";
import { noise } from "./test-image.ts";
import { TestRegistry } from "./test-registry.ts";

const bytes = noise(3 * 1024 * 1024);
const digest = sha256Of(bytes);
const blob = { digest, size: bytes.length };
const half = 1_500_000;

async function fetchInto(
  blobs: BlobStore,
  registry: TestRegistry,
  options: Partial<TransportOptions> = {},
  signal?: AbortSignal,
): Promise<void> {
  const transport = testTransport(options);
  // As after the manifest: it is known that the registry speaks plain HTTP.
  transport.registries.confirm({ url: new URL(registry.url), mirror: false, tls: undefined });
  const reference = parseReference(`${registry.host}/app:1`);
  const repository = await Repository.open(transport, reference, { credentials: {}, access: "pull" });
  await repository.first(() => Promise.resolve());
  await blobs.ingest(blob, (writer) => fetchBlob(transport, repository, writer, writer.signal), { signal });
}

async function startRegistry(): Promise<TestRegistry> {
  const registry = await TestRegistry.start();
  registry.blobs.set(digest, bytes);
  return registry;
}

const ranges = (registry: TestRegistry) => registry.requests.map(({ headers }) => headers.range ?? "all");

describe("fetchBlob", () => {
  test("goes on where the connection was cut", async () => {
    using folder = temporaryFolder();
    await using store = openStores(folder.path);
    await using registry = await startRegistry();
    registry.decide = (_, nth) => (nth === 0 ? { cutAt: half } : undefined);
    await fetchInto(store.blobs, registry);
    expect(Buffer.from(store.blobs.read(digest)).equals(Buffer.from(bytes))).toBe(true);
    expect(ranges(registry)).toEqual(["all", expect.stringMatching(/^bytes=[1-9]\d*-$/)]);
  });

  test("goes on after a restart of the daemon", async () => {
    using folder = temporaryFolder();
    await using registry = await startRegistry();
    registry.decide = (_, nth) => (nth === 0 ? { cutAt: half } : { status: 503 });
    {
      await using store = openStores(folder.path);
      const failed = fetchInto(store.blobs, registry, { retryDelays: [] });
      await expect(failed).rejects.toThrow("503 Service Unavailable");
      await failed.catch(() => {});
      expect(store.blobs.has(digest)).toBe(false);
    }
    registry.decide = () => undefined;
    await using store = openStores(folder.path);
    await fetchInto(store.blobs, registry);
    expect(store.blobs.has(digest)).toBe(true);
    expect(ranges(registry).at(-1)).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test("goes on with a server that always sends everything", async () => {
    using folder = temporaryFolder();
    await using store = openStores(folder.path);
    await using registry = await startRegistry();
    registry.decide = (_, nth) => (nth === 0 ? { cutAt: half } : { ignoreRange: true });
    await fetchInto(store.blobs, registry);
    expect(Buffer.from(store.blobs.read(digest)).equals(Buffer.from(bytes))).toBe(true);
  });

  test("a server that stops sending counts as cut off", async () => {
    using folder = temporaryFolder();
    await using store = openStores(folder.path);
    await using registry = await startRegistry();
    registry.decide = (_, nth) => (nth === 0 ? { stallAt: half } : undefined);
    await fetchInto(store.blobs, registry);
    expect(store.blobs.has(digest)).toBe(true);
  });

  test("tries again after 500 and 429, and not after 404", async () => {
    using folder = temporaryFolder();
    await using store = openStores(folder.path);
    await using registry = await startRegistry();
    registry.decide = (_, nth) => (nth < 2 ? { status: [500, 429][nth] ?? 500 } : undefined);
    await fetchInto(store.blobs, registry);
    expect(registry.requests.length).toBe(3);

    using other = temporaryFolder();
    await using empty = openStores(other.path);
    registry.blobs.clear();
    await expect(fetchInto(empty.blobs, registry)).rejects.toThrow("blob unknown: blob unknown to registry");
    await fetchInto(empty.blobs, registry).catch(() => {});
    expect(registry.requests.length).toBe(5);
  });

  test("gives up after the last delay, and keeps what came", async () => {
    using folder = temporaryFolder();
    await using store = openStores(folder.path);
    await using registry = await startRegistry();
    registry.decide = (_, nth) => (nth === 0 ? { cutAt: half } : { status: 503 });
    const failed = fetchInto(store.blobs, registry);
    await expect(failed).rejects.toThrow("received unexpected HTTP status: 503 Service Unavailable");
    await failed.catch(() => {});
    // What moved the blob on does not count as an attempt.
    expect(registry.requests.length).toBe(1 + 4);
    registry.decide = () => undefined;
    await fetchInto(store.blobs, registry);
    expect(ranges(registry).at(-1)).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test("refuses wrong bytes and forgets them", async () => {
    using folder = temporaryFolder();
    await using store = openStores(folder.path);
    await using registry = await startRegistry();
    registry.decide = () => ({ corrupt: true });
    const failed = fetchInto(store.blobs, registry);
    await expect(failed).rejects.toMatchObject({ code: "invalidArgument" });
    await failed.catch(() => {});
    registry.decide = () => undefined;
    await fetchInto(store.blobs, registry);
    expect(ranges(registry)).toEqual(["all", "all"]);
  });

  test("refuses a body that does not end", async () => {
    using folder = temporaryFolder();
    await using store = openStores(folder.path);
    await using registry = await startRegistry();
    registry.blobs.set(digest, noise(bytes.length * 2, 7));
    await expect(fetchInto(store.blobs, registry)).rejects.toMatchObject({ code: "invalidArgument" });
    await fetchInto(store.blobs, registry).catch(() => {});
    expect(store.blobs.has(digest)).toBe(false);
  });

  test("stops when the signal fires, and keeps what came", async () => {
    using folder = temporaryFolder();
    await using store = openStores(folder.path);
    await using registry = await startRegistry();
    const stop = new AbortController();
    registry.decide = (_, nth) => {
      if (nth === 0) setTimeout(() => stop.abort(), 100);
      return nth === 0 ? { stallAt: half } : undefined;
    };
    const failed = fetchInto(store.blobs, registry, { stallTimeout: 60_000 }, stop.signal);
    await expect(failed).rejects.toMatchObject({ code: "cancelled" });
    await failed.catch(() => {});
    await fetchInto(store.blobs, registry);
    expect(ranges(registry).at(-1)).toMatch(/^bytes=[1-9]\d*-$/);
  });
});

test("a mirror that breaks off is left for the next, which goes on in the middle", async () => {
  using folder = temporaryFolder();
  await using store = openStores(folder.path);
  await using bad = await startRegistry();
  await using good = await startRegistry();
  bad.decide = ({ path }) => (path.includes("/blobs/") ? { cutAt: half } : undefined);
  const transport = testTransport({ mirrors: [bad.url, good.url] });
  const repository = await Repository.open(transport, parseReference("app:1"), {
    credentials: {},
    access: "pull",
  });
  await store.blobs.ingest(blob, (writer) => fetchBlob(transport, repository, writer, writer.signal));
  expect(store.blobs.has(digest)).toBe(true);
  expect(ranges(bad)).toEqual(["all"]);
  expect(ranges(good)).toEqual([expect.stringMatching(/^bytes=[1-9]\d*-$/)]);
});
