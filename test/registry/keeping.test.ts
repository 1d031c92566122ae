import { expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { sleep } from "../../src/base/async.ts";
import { sha256Of } from "../../src/oci/digester.ts";
import { defaultRegistryOptions } from "../../src/registry/registry.ts";
import { RegistryStore } from "../../src/registry/store.ts";
import { summary, TestRegistry } from "./fixture.ts";

const dayMillis = 24 * 3600_000;

/** A clock that can be set ahead. */
function movable() {
  const clock = { ahead: 0, now: () => Date.now() + clock.ahead, nowNanos: () => 0n };
  return clock;
}

test("what nobody needs is freed while the registry is used, and the bytes are told", async () => {
  const clock = movable();
  await using registry = await TestRegistry.start({}, clock);
  const one = await registry.pushImage("a", "one", "1".repeat(1000));
  await registry.pushImage("a", "two", "2".repeat(500));
  const loose = await registry.pushBlob("b", "given up");
  expect(await registry.store.collect()).toEqual({ tags: 0, manifests: 0, blobs: 0, bytes: 0 });
  await registry.fetch("DELETE", `a/manifests/${one.digest}`);
  expect((await registry.store.collect()).bytes).toBe(0);
  clock.ahead = 2 * 3600_000;
  const bytes = one.document.layers
    .concat(one.document.config)
    .reduce((sum, { size }) => sum + size, loose.size);
  expect(await registry.store.collect({ dryRun: true })).toEqual({ tags: 0, manifests: 0, blobs: 3, bytes });
  expect(await registry.store.collect()).toEqual({ tags: 0, manifests: 0, blobs: 3, bytes });
  expect((await registry.fetch("HEAD", `a/blobs/${one.document.config.digest}`)).status).toBe(404);
  expect((await registry.fetch("GET", "a/manifests/two")).status).toBe(200);
  const files = [...new Bun.Glob("blobs/**/*").scanSync({ cwd: join(registry.root, "data") })];
  expect(files).toHaveLength(2);
});

test("content that one repository lets go while others take it is never lost", async () => {
  await using registry = await TestRegistry.start();
  let done = false;
  const collecting = (async () => {
    while (!done) {
      await registry.store.collect();
      await sleep(2);
    }
  })();
  const client = async (id: number) => {
    for (let n = 0; n < 30; n++) {
      const content = `shared ${n % 3}`;
      const { digest } = await registry.pushBlob(`r${id}`, content);
      const got = await registry.fetch("GET", `r${id}/blobs/${digest}`);
      expect([got.status, await got.text()]).toEqual([200, content]);
      expect((await registry.fetch("DELETE", `r${id}/blobs/${digest}`)).status).toBe(202);
    }
  };
  await Promise.all([0, 1, 2, 3].map(client)).finally(() => {
    done = true;
  });
  await collecting;
  expect([...new Bun.Glob("blobs/**/*").scanSync({ cwd: join(registry.root, "data") })]).toEqual([]);
});

test("retention keeps what its rule says, and immutable tags", async () => {
  const clock = movable();
  await using registry = await TestRegistry.start({}, clock);
  for (let n = 1; n <= 5; n++) {
    await registry.pushImage("a", `ci-${n}`, `build ${n}`);
    await sleep(2);
  }
  await registry.pushImage("a", "v1", "release");
  await registry.store.repositories.set("a", {
    retention: "keep=2 tags=ci-* untagged=10",
    immutable: "ci-2",
  });
  const tags = async () =>
    ((await (await registry.fetch("GET", "a/tags/list")).json()) as { tags: string[] }).tags;
  expect(await registry.store.collect()).toMatchObject({ tags: 2, manifests: 0 });
  expect(await tags()).toEqual(["ci-2", "ci-4", "ci-5", "v1"]);
  clock.ahead = 11 * dayMillis;
  expect(await registry.store.collect()).toMatchObject({ tags: 0, manifests: 2, blobs: 4 });
});

test("an immutable tag is neither moved nor deleted, but may be pushed again as it is", async () => {
  await using registry = await TestRegistry.start();
  const { digest, document } = await registry.pushImage("a", "v1", "one");
  await registry.store.repositories.set("a", { immutable: "v*" });
  expect((await registry.putManifest("a", "v1", document)).status).toBe(201);
  const other = { ...document, annotations: { a: "b" } };
  expect(await summary(await registry.putManifest("a", "v1", other))).toEqual([409, "DENIED"]);
  for (const reference of ["v1", digest]) {
    expect(await summary(await registry.fetch("DELETE", `a/manifests/${reference}`))).toEqual([
      409,
      "DENIED",
    ]);
  }
  expect((await registry.putManifest("a", "latest", other)).status).toBe(201);
  expect((await registry.fetch("DELETE", "a/manifests/latest")).status).toBe(202);
});

test("an index that was lost is made anew from the storage", async () => {
  await using registry = await TestRegistry.start();
  const subject = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: sha256Of("s"), size: 1 };
  const { descriptor, digest } = await registry.pushImage("a/b", "one", "content", { subject });
  await registry.putManifest("a/b", "all", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [descriptor],
  });
  await registry.pushImage("c", "x", "other");
  await registry.fetch("DELETE", "c/manifests/x");
  const data = join(registry.root, "data");
  const copy = join(registry.root, "copy");
  await Bun.$`cp -r ${data} ${copy}`.quiet();
  for (const file of ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm"])
    await rm(join(copy, file), { force: true });
  await using store = await RegistryStore.open(copy);
  expect(await store.repositories.names("", 10)).toEqual(["a/b", "c"]);
  expect(await store.tags.list("a/b", "", 10)).toEqual(["all", "one"]);
  expect(await store.tags.list("c", "", 10)).toEqual([]);
  expect((await store.manifests.get("a/b", "one")).digest).toBe(digest);
  expect((await Array.fromAsync(store.referrers.list("a/b", subject.digest)))[0]?.digest).toBe(digest);
  expect(await store.collect({ grace: 0 })).toMatchObject({ blobs: 0 });
  // Who could see what was lost with it.
  expect((await store.repositories.get("a/b"))?.private).toBe(true);
});

test("events reach their endpoint, in order, also when it was away", async () => {
  const seen: { action: string; target: Record<string, unknown>; request: Record<string, string> }[] = [];
  let away = true;
  using endpoint = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      if (away) return new Response("later", { status: 503 });
      expect(request.headers.get("content-type")).toBe("application/vnd.docker.distribution.events.v1+json");
      expect(request.headers.get("authorization")).toBe("Bearer key");
      seen.push(...((await request.json()) as { events: typeof seen }).events);
      return new Response();
    },
  });
  await using registry = await TestRegistry.start({
    ...defaultRegistryOptions,
    endpoints: [
      {
        name: "ci",
        url: `http://127.0.0.1:${endpoint.port}`,
        headers: { Authorization: "Bearer key" },
        timeoutMillis: 5000,
        ignoredActions: ["mount"],
      },
    ],
  });
  const { digest, descriptor } = await registry.pushImage("a", "x", "content");
  away = false;
  await registry.fetch("GET", "a/manifests/x");
  await registry.fetch("DELETE", "a/manifests/x");
  while (seen.length < 5) await sleep(20);
  expect(seen.map(({ action }) => action)).toEqual(["push", "push", "push", "pull", "delete"]);
  expect(seen[2]?.target).toEqual({
    mediaType: descriptor.mediaType,
    digest,
    size: descriptor.size,
    length: descriptor.size,
    repository: "a",
    tag: "x",
    url: `${registry.url}/v2/a/manifests/${digest}`,
  });
  expect(seen[3]?.request).toMatchObject({ method: "GET", host: registry.host, addr: "127.0.0.1" });
});

test("search, health and metrics", async () => {
  await using registry = await TestRegistry.start();
  await registry.pushImage("team/web", "x", "content");
  await registry.pushImage("team/data_base", "x", "content");
  await registry.pushImage("library/other", "x", "content");
  await registry.store.repositories.set("library/other", { official: true, description: "100% team work" });
  const search = async (query: string) => (await registry.fetch("GET", `/v1/search?${query}`)).json();
  expect(await search("q=team&n=2")).toMatchObject({
    query: "team",
    num_results: 3,
    num_pages: 2,
    page: 1,
    page_size: 2,
    results: [
      {
        name: "library/other",
        description: "100% team work",
        is_official: true,
        is_automated: false,
        star_count: 0,
      },
      { name: "team/data_base" },
    ],
  });
  expect(await search("q=data_")).toMatchObject({ num_results: 1 });
  expect(await search("q=data%25")).toMatchObject({ num_results: 0 });
  expect(await (await registry.fetch("GET", "/healthz")).json()).toEqual({ status: "ok" });
  const text = await (await registry.fetch("GET", "/metrics")).text();
  expect(text).toMatch(/^registry_http_requests_total\{code="201",handler="manifest",method="put"\} 3$/m);
  expect(text).toMatch(/^registry_repositories 3$/m);
  expect(text).toMatch(/^registry_http_request_duration_seconds_count \d+$/m);
});
