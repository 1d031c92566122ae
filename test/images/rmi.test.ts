import { expect, test } from "bun:test";
import { sha256Of } from "../../src/oci/digester.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { hostPlatform } from "../../src/oci/platform.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { file, Stores, tarOf } from "./stores.ts";

const short = (id: string) => id.slice(7, 19);
const container = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";

function withImage(stores: Stores, ...names: string[]): `${string}:${string}` {
  const target = stores.image([tarOf(file("a", String(stores.blobs.list().length)))]);
  for (const name of names) stores.images.put(target, parseReference(name));
  return target.digest;
}

test("the last name takes the image and its content along", async () => {
  await using stores = new Stores();
  const id = withImage(stores, "busybox:latest");
  const image = stores.images.resolve("busybox");
  await stores.images.ensureUnpacked(image);
  const [layer = image.id] = image.layers;
  expect(stores.layers.has(layer)).toBe(true);
  expect(await stores.images.remove("busybox")).toEqual([{ Untagged: "busybox:latest" }, { Deleted: id }]);
  expect(stores.layers.has(layer)).toBe(false);
  expect(stores.blobs.list()).toEqual([]);
  expect(() => stores.images.resolve("busybox")).toThrow("No such image: busybox:latest");
  expect(stores.events.map(({ action, name }) => [action, name])).toEqual([
    ["untag", "busybox:latest"],
    ["delete", id],
  ]);
});

test("one name of several goes alone; by its id the image must be forced", async () => {
  await using stores = new Stores();
  const id = withImage(stores, "a:1", "b:1", "c:1");
  expect(await stores.images.remove("b:1")).toEqual([{ Untagged: "b:1" }]);
  await expect(stores.images.remove(short(id))).rejects.toThrow(
    `conflict: unable to delete ${short(id)} (must be forced) - image is referenced in multiple repositories`,
  );
  expect(stores.images.resolve(id).repoTags).toEqual(["a:1", "c:1"]);
  expect(await stores.images.remove(short(id), { force: true })).toEqual([
    { Untagged: "a:1" },
    { Untagged: "c:1" },
    { Deleted: id },
  ]);
});

test("the tag of a repository takes the digests of that repository along", async () => {
  await using stores = new Stores();
  const id = withImage(stores, "quay.io/a/b:1");
  stores.images.put(stores.images.resolve(id).target, parseReference(`quay.io/a/b@${id}`));
  expect(await stores.images.remove("quay.io/a/b:1")).toEqual([
    { Untagged: "quay.io/a/b:1" },
    { Untagged: `quay.io/a/b@${id}` },
    { Deleted: id },
  ]);
});

test("a stopped container holds the image until it is forced, and its content even then", async () => {
  await using stores = new Stores();
  const id = withImage(stores, "x:1");
  const image = stores.images.resolve("x:1");
  await stores.images.ensureUnpacked(image);
  stores.users.push({ containerId: container, imageId: id, running: false });
  await expect(stores.images.remove("x:1")).rejects.toThrow(
    `conflict: unable to remove repository reference "x:1" (must force) - container ${container.slice(0, 12)} is using its referenced image ${short(id)}`,
  );
  await expect(stores.images.remove(id)).rejects.toThrow(
    `conflict: unable to delete ${short(id)} (must be forced) - image is being used by stopped container ${container.slice(0, 12)}`,
  );
  expect(await stores.images.remove("x:1", { force: true })).toEqual([{ Untagged: "x:1" }, { Deleted: id }]);
  expect(image.layers.every((layer) => stores.layers.has(layer))).toBe(true);
  stores.users.pop();
  await stores.images.collect();
  expect(image.layers.some((layer) => stores.layers.has(layer))).toBe(false);
});

test("a running container holds the image whatever is forced; its name may go", async () => {
  await using stores = new Stores();
  const id = withImage(stores, "x:1");
  stores.users.push({ containerId: container, imageId: id, running: true });
  await expect(stores.images.remove(id, { force: true })).rejects.toThrow(
    `conflict: unable to delete ${short(id)} (cannot be forced) - image is being used by running container ${container.slice(0, 12)}`,
  );
  expect(await stores.images.remove("x:1", { force: true })).toEqual([{ Untagged: "x:1" }]);
  expect(stores.images.resolve(id).repoTags).toEqual([]);
});

test("prune takes images without a tag, and with `all` those that no container uses", async () => {
  await using stores = new Stores();
  const old = withImage(stores, "app:1");
  const next = withImage(stores, "app:1");
  const used = withImage(stores, "used:1");
  stores.users.push({ containerId: container, imageId: used, running: false });
  expect(stores.images.resolve("app:1").id).toBe(next);
  const dangling = await stores.images.prune();
  expect(dangling.deleted).toEqual([{ Deleted: old }]);
  expect(dangling.reclaimed).toBeGreaterThan(0);
  const all = await stores.images.prune({ all: true });
  expect(all.deleted).toEqual([{ Untagged: "app:1" }, { Deleted: next }]);
  expect(stores.images.list().map(({ id }) => id)).toEqual([used]);
});

test("one platform of several goes, with what only it needed", async () => {
  await using stores = new Stores();
  const common = tarOf(file("common", "x"));
  const other = { os: "linux", architecture: "s390x" };
  const here = stores.image([common, tarOf(file("here", "x"))]);
  const there = stores.image([common, tarOf(file("there", "x"))], {}, other);
  const manifests = [
    { ...here, platform: hostPlatform() },
    { ...there, platform: other },
  ];
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }));
  const index = { mediaType: mediaTypes.ociIndex, digest: stores.blobs.put(bytes), size: bytes.length };
  stores.images.put(index, parseReference("multi:1"));
  const before = stores.blobs.list().length;
  stores.users.push({ containerId: container, imageId: index.digest, running: false });
  const remove = (platform = other) => stores.images.remove("multi:1", { platforms: [platform] });
  await expect(remove(hostPlatform())).rejects.toThrow("image is being used by a container");
  await expect(remove({ os: "linux", architecture: "riscv64" })).rejects.toThrow(
    "image with reference multi:1 was found but does not provide the specified platform (linux/riscv64)",
  );
  expect(await remove()).toEqual([{ Deleted: there.digest }]);
  // Its manifest, its configuration, and the layer that was its own.
  expect(stores.blobs.list().length).toBe(before - 3);
  expect(stores.images.resolve("multi:1").manifestDigest).toBe(here.digest);
  await expect(remove()).rejects.toThrow("does not provide the specified platform");
  await expect(stores.images.remove(here.digest, { platforms: [hostPlatform()] })).rejects.toThrow(
    "No such image",
  );
  expect(sha256Of(stores.blobs.read(index.digest))).toBe(index.digest);
});
