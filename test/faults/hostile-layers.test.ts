import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { listXattrs } from "../../src/linux/xattr.ts";
import { imageOf, serveImage } from "../distribution/test-image.ts";
import { TestRegistry } from "../distribution/test-registry.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { type Given, tarOf } from "../images/stores.ts";
import { settled } from "./stores.ts";

let daemon: TestDaemon;
let registry: TestRegistry;
/** Outside the data root: no layer may touch it. */
let victim: string;

beforeAll(async () => {
  registry = await TestRegistry.start();
  daemon = await TestDaemon.start();
  victim = join(daemon.root, "victim");
  mkdirSync(victim, { mode: 0o700 });
  writeFileSync(join(victim, "secret"), "secret", { mode: 0o600 });
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

type Members = Given[];
const evil = "evil";
const up = "../".repeat(20);
const leads = /leads out of it/;
const missing = /failed to register layer: /;

/** Undefined: the layer is taken, since what it holds stays inside. */
const layers: [what: string, members: (victim: string) => Members, refusal: RegExp | undefined][] = [
  ["a path with dots", (v) => [{ name: `${up}${v}/f`, type: "file", content: evil }], leads],
  ["an absolute path", (v) => [{ name: `${v}/f`, type: "file", content: evil }], undefined],
  ["a file through a link", (v) => [link("l", v), { name: "l/f", type: "file", content: evil }], missing],
  [
    "a file through dots",
    (v) => [link("l", `${up}${v}`), { name: "l/f", type: "file", content: evil }],
    missing,
  ],
  [
    "a file in place of a link",
    (v) => [link("l", `${v}/secret`), { name: "l", type: "file", content: evil }],
    undefined,
  ],
  [
    "a directory in place of a link",
    (v) => [link("l", v), { name: "l", type: "directory", mode: 0o777 }],
    undefined,
  ],
  ["a hard link to the host", (v) => [{ name: "h", type: "hardlink", linkname: `${v}/secret` }], missing],
  ["a hard link through dots", (v) => [{ name: "h", type: "hardlink", linkname: `${up}${v}/secret` }], leads],
  [
    "a hard link through a link",
    (v) => [link("l", v), { name: "h", type: "hardlink", linkname: "l/secret" }],
    missing,
  ],
  [
    "a file in place of a hard link to a link",
    (v) => [
      link("l", `${v}/secret`),
      { name: "h", type: "hardlink", linkname: "l" },
      { name: "h", type: "file", content: evil },
    ],
    undefined,
  ],
  ["a whiteout of the parent", () => [{ name: ".wh...", type: "file" }], /whiteout of "\.\."/],
  ["a whiteout through a link", (v) => [link("l", v), { name: "l/.wh.secret", type: "file" }], missing],
  ["an opaque link", (v) => [link("l", v), { name: "l/.wh..wh..opq", type: "file" }], missing],
  ["a root that is a link", (v) => [link(".", v)], /its root is not a directory/],
  ["an owner that is none", () => [{ name: "f", type: "file", uid: 0xffff_ffff }], /uid is out of range/],
  ["a name that is too long", () => [{ name: "a".repeat(5000), type: "file" }], missing],
];

function link(name: string, linkname: string): Given {
  return { name, type: "symlink", linkname };
}

test.each(layers)("%s changes nothing outside", async (what, members, refusal) => {
  const name = `h${layers.findIndex(([other]) => other === what)}:1`;
  serveImage(registry, name, imageOf([tarOf(...members(victim))]));
  const { stderr, code } = await daemon.docker("pull", "-q", `${registry.host}/${name}`);
  if (refusal) expect(stderr).toMatch(refusal);
  expect(code).toBe(refusal ? 1 : 0);
  expect(readdirSync(victim)).toEqual(["secret"]);
  expect(readFileSync(join(victim, "secret"), "utf8")).toBe("secret");
  expect(statSync(join(victim, "secret")).nlink).toBe(1);
  expect(statSync(victim).mode & 0o777).toBe(0o700);
  if (code === 0) await daemon.must("rmi", `${registry.host}/${name}`);
  expect((await settled(daemon.dataRoot)).layers).toEqual([]);
});

test("extended attributes that overlay would obey do not get in", async () => {
  const xattrs = new Map([
    ["trusted.overlay.redirect", Buffer.from("/etc")],
    ["user.ok", Buffer.from("1")],
  ]);
  serveImage(registry, "x:1", imageOf([tarOf({ name: "d", type: "directory", mode: 0o755, xattrs })]));
  await daemon.must("pull", "-q", `${registry.host}/x:1`);
  const [layer = ""] = (await settled(daemon.dataRoot)).layers;
  const path = join(daemon.dataRoot, "layers", layer, "d");
  expect(listXattrs(path)).toEqual(["user.ok"]);
  await daemon.must("rmi", `${registry.host}/x:1`);
});

test("a tree that is deeper than any path comes and goes", async () => {
  const deep = "a/".repeat(1000);
  const members = Array.from({ length: 5 }, (_, at): Members => {
    const base = at === 0 ? "" : `s${at - 1}/`;
    return [{ name: `${base}${deep}`, type: "directory", mode: 0o755 }, link(`s${at}`, `${base}${deep}`)];
  }).flat();
  serveImage(registry, "deep:1", imageOf([tarOf(...members)]));
  await daemon.must("pull", "-q", `${registry.host}/deep:1`);
  await daemon.must("rmi", `${registry.host}/deep:1`);
  expect((await settled(daemon.dataRoot)).layers).toEqual([]);
});

test("an archive of another content than its image says, or that breaks off", async () => {
  const image = imageOf([tarOf({ name: "f", type: "file", content: evil })]);
  const other = imageOf([tarOf({ name: "f", type: "file", content: "other" })]);
  // The layer's own digest is right: only what is inside is not what the configuration tells.
  const config = Buffer.from(image.config.bytes)
    .toString()
    .replace(image.layers[0]?.diffId ?? "", other.layers[0]?.diffId ?? "");
  const manifest = Buffer.from(image.manifest).toString();
  const bytes = Buffer.from(config);
  const digest = `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
  registry.blobs.set(digest, bytes);
  for (const { digest: blob, bytes: content } of image.layers) registry.blobs.set(blob, content);
  registry.manifests.set("lie:1", {
    bytes: Buffer.from(manifest.replace(image.config.digest, digest)),
    mediaType: "application/vnd.oci.image.manifest.v1+json",
  });
  const { stderr } = await daemon.docker("pull", "-q", `${registry.host}/lie:1`);
  expect(stderr).toContain("layer does not have its diffID");
  expect((await settled(daemon.dataRoot)).layers).toEqual([]);
});
