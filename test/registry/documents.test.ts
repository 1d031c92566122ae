import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { sha256Of } from "../../src/oci/digester.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { TestRegistry } from "./fixture.ts";

const sha512 = (text: string) => `sha512:${createHash("sha512").update(text).digest("hex")}`;

/** Pushes a document by its tag, and expects it back byte for byte, by tag and by digest. */
async function roundTrip(registry: TestRegistry, tag: string, document: object) {
  const text = JSON.stringify(document);
  const put = await registry.putManifest("a", tag, document);
  expect([tag, put.status, put.headers.get("docker-content-digest")]).toEqual([tag, 201, sha256Of(text)]);
  for (const reference of [tag, sha256Of(text)]) {
    expect(await (await registry.fetch("GET", `a/manifests/${reference}`)).text()).toBe(text);
  }
  return { mediaType: mediaTypes.ociIndex, digest: sha256Of(text), size: Buffer.byteLength(text) };
}

test("every form of manifest and index that the image specification allows comes back as it was", async () => {
  await using registry = await TestRegistry.start();
  const image = await registry.pushImage("a", "image", "content");
  const { document, descriptor } = image;
  const annotations = Object.fromEntries(
    Array.from({ length: 390 }, (_, n) => [`large-${n}`, "A".repeat(10_000)]),
  );
  await roundTrip(registry, "large", { ...document, annotations });
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [descriptor] };
  const inner = await roundTrip(registry, "index", index);
  await roundTrip(registry, "nested", { ...index, manifests: [inner] });
  await roundTrip(registry, "empty-index", { ...index, manifests: [] });
  await roundTrip(registry, "no-layers", { ...document, layers: [] });
  await roundTrip(registry, "unknown-fields", { ...document, "org.example.field": { a: [1] } });
  const empty = { mediaType: mediaTypes.ociEmpty, digest: sha256Of("{}"), size: 2, data: btoa("{}") };
  await registry.pushBlob("a", "{}");
  const artifact = { ...document, artifactType: "application/vnd.example", config: empty, layers: [empty] };
  await roundTrip(registry, "artifact", artifact);
  const subject = { ...artifact, subject: descriptor };
  await roundTrip(registry, "with-subject", subject);
  await roundTrip(registry, "index-with-subject", {
    ...index,
    artifactType: "application/vnd.example",
    subject: descriptor,
  });
  const listed = await registry.fetch("GET", `a/referrers/${descriptor.digest}`);
  expect(((await listed.json()) as { manifests: unknown[] }).manifests).toHaveLength(2);
});

test("an image whose digests are all SHA-512", async () => {
  await using registry = await TestRegistry.start();
  const push = async (content: string, mediaType: string) => {
    const digest = sha512(content);
    const started = await registry.fetch("POST", "a/blobs/uploads/?digest-algorithm=sha512");
    const put = await registry.fetch("PUT", `${started.headers.get("location")}?digest=${digest}`, {
      body: content,
    });
    expect([put.status, put.headers.get("docker-content-digest")]).toEqual([201, digest]);
    return { mediaType, digest, size: content.length };
  };
  const config = await push("{}", mediaTypes.ociConfig);
  const layers = [await push("layer", mediaTypes.ociLayer)];
  const text = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers });
  const put = await registry.fetch("PUT", `a/manifests/${sha512(text)}`, {
    body: text,
    headers: { "Content-Type": mediaTypes.ociManifest },
  });
  expect([put.status, put.headers.get("docker-content-digest")]).toEqual([201, sha512(text)]);
  expect(await (await registry.fetch("GET", `a/manifests/${sha512(text)}`)).text()).toBe(text);
  expect((await registry.fetch("DELETE", `a/manifests/${sha512(text)}`)).status).toBe(202);
});
