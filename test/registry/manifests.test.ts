import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { sha256Of } from "../../src/oci/digester.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { codesOf, summary, TestRegistry } from "./fixture.ts";

test("a manifest comes back byte for byte, by tag and by digest, and tags move", async () => {
  await using registry = await TestRegistry.start();
  const one = await registry.pushImage("a/b", "latest", "one");
  const got = await registry.fetch("GET", "a/b/manifests/latest");
  expect(got.headers.get("content-type")).toBe(mediaTypes.ociManifest);
  expect(got.headers.get("docker-content-digest")).toBe(one.digest);
  expect(await got.text()).toBe(JSON.stringify(one.document));
  const head = await registry.fetch("HEAD", `a/b/manifests/${one.digest}`);
  expect([head.status, head.headers.get("content-length")]).toEqual([200, String(one.descriptor.size)]);
  const two = await registry.pushImage("a/b", "latest", "two");
  const moved = await registry.fetch("HEAD", "a/b/manifests/latest");
  expect(moved.headers.get("docker-content-digest")).toBe(two.digest);
  expect((await registry.fetch("HEAD", `a/b/manifests/${one.digest}`)).status).toBe(200);
});

test("white space and the digest's algorithm are the client's", async () => {
  await using registry = await TestRegistry.start();
  const { document } = await registry.pushImage("a", "x", "content");
  const text = `${JSON.stringify(document, undefined, 4)}\n\n`;
  const digest = `sha512:${createHash("sha512").update(text).digest("hex")}`;
  const put = await registry.fetch("PUT", `a/manifests/${digest}`, {
    body: text,
    headers: { "Content-Type": `${mediaTypes.ociManifest}; charset=utf-8` },
  });
  expect([put.status, put.headers.get("docker-content-digest")]).toEqual([201, digest]);
  const got = await registry.fetch("GET", put.headers.get("location") ?? "");
  expect([got.headers.get("content-type"), await got.text()]).toEqual([mediaTypes.ociManifest, text]);
});

test("an index needs its manifests, a manifest its blobs, and all that is missing is named", async () => {
  await using registry = await TestRegistry.start();
  const { descriptor, document } = await registry.pushImage("a", "x", "content");
  const absent = (text: string) => ({ mediaType: mediaTypes.ociLayer, digest: sha256Of(text), size: 1 });
  const lacking = await registry.putManifest("a", "y", { ...document, layers: [absent("1"), absent("2")] });
  expect(lacking.status).toBe(404);
  expect(await codesOf(lacking)).toEqual(["MANIFEST_BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN"]);
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [descriptor] };
  expect((await registry.putManifest("a", "index", index)).status).toBe(201);
  expect(await summary(await registry.putManifest("b", "index", index))).toEqual([
    404,
    "MANIFEST_BLOB_UNKNOWN",
  ]);
  const lying = { ...index, manifests: [{ ...descriptor, size: descriptor.size + 1 }] };
  expect(await summary(await registry.putManifest("a", "lying", lying))).toEqual([400, "SIZE_INVALID"]);
  expect((await registry.fetch("HEAD", "a/manifests/y")).status).toBe(404);
});

test("layers that may only be fetched elsewhere need not be here", async () => {
  await using registry = await TestRegistry.start();
  const { document } = await registry.pushImage("a", "x", "content");
  const foreign = { mediaType: mediaTypes.dockerForeignLayerGzip, digest: sha256Of("far"), size: 9 };
  const manifest = (layer: object) => ({ ...document, layers: [layer] });
  const urls = ["https://example.com/layer"];
  expect((await registry.putManifest("a", "y", manifest({ ...foreign, urls }))).status).toBe(201);
  expect((await registry.putManifest("a", "z", manifest(foreign))).status).toBe(404);
});

test("what is not a manifest is refused", async () => {
  await using registry = await TestRegistry.start();
  const { document } = await registry.pushImage("a", "x", "content");
  for (const [what, body] of [
    ["not JSON", "hello"],
    ["not an object", "[]"],
    ["no schemaVersion", JSON.stringify({ ...document, schemaVersion: undefined })],
    ["schema 1", JSON.stringify({ schemaVersion: 1, name: "a", tag: "x" })],
    ["another type than declared", JSON.stringify({ ...document, mediaType: mediaTypes.dockerManifest })],
    ["both kinds at once", JSON.stringify({ ...document, manifests: [] })],
    ["a bad digest", JSON.stringify({ ...document, config: { ...document.config, digest: "sha256:../.." } })],
    ["deep nesting", `{"schemaVersion":2,"annotations":${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
  ] as const) {
    const answer = await registry.fetch("PUT", "a/manifests/bad", {
      body,
      headers: { "Content-Type": mediaTypes.ociManifest },
    });
    expect([what, ...(await summary(answer))]).toEqual([what, 400, "MANIFEST_INVALID"]);
  }
  const other = await registry.putManifest("a", sha256Of("other"), document);
  expect(await summary(other)).toEqual([400, "DIGEST_INVALID"]);
  for (const tag of ["-x", "a%2fb", "a%20b", "x".repeat(129)]) {
    expect(await summary(await registry.putManifest("a", tag, document))).toEqual([400, "MANIFEST_INVALID"]);
  }
});

test("a manifest of more than 4 MiB gets its answer, however it is sent", async () => {
  await using registry = await TestRegistry.start();
  const big = new Uint8Array(5 * 1024 * 1024).fill(0x20);
  const sized = await registry.fetch("PUT", "a/manifests/big", { body: big });
  expect(await summary(sized)).toEqual([413, "SIZE_INVALID"]);
  const streamed = await registry.fetch("PUT", "a/manifests/big", { body: new Blob([big]).stream() });
  expect(await summary(streamed)).toEqual([413, "SIZE_INVALID"]);
});

test("deleting a tag leaves the manifest; deleting the manifest takes all its tags", async () => {
  await using registry = await TestRegistry.start();
  const { digest, document } = await registry.pushImage("a", "one", "content");
  for (const tag of ["two", "three"]) await registry.putManifest("a", tag, document);
  await registry.pushImage("a", "other", "else");
  expect((await registry.fetch("DELETE", "a/manifests/one")).status).toBe(202);
  expect(await summary(await registry.fetch("GET", "a/manifests/one"))).toEqual([404, "MANIFEST_UNKNOWN"]);
  expect((await registry.fetch("HEAD", `a/manifests/${digest}`)).status).toBe(200);
  expect((await registry.fetch("DELETE", `a/manifests/${digest}`)).status).toBe(202);
  for (const reference of [digest, "two", "three"]) {
    expect((await registry.fetch("HEAD", `a/manifests/${reference}`)).status).toBe(404);
  }
  const tags = await registry.fetch("GET", "a/tags/list");
  expect(await tags.json()).toEqual({ name: "a", tags: ["other"] });
  expect(await summary(await registry.fetch("DELETE", `a/manifests/${digest}`))).toEqual([
    404,
    "MANIFEST_UNKNOWN",
  ]);
});

test("a push by digest may name its tags", async () => {
  await using registry = await TestRegistry.start();
  const { digest, document } = await registry.pushImage("a", "one", "content");
  const put = await registry.putManifest("a", `${digest}?tag=two&tag=three`, document);
  expect([put.status, put.headers.get("oci-tag")]).toEqual([201, "two, three"]);
  const tags = await registry.fetch("GET", "a/tags/list");
  expect(await tags.json()).toEqual({ name: "a", tags: ["one", "three", "two"] });
  expect((await registry.putManifest("a", `${digest}?tag=-bad`, document)).status).toBe(400);
});
