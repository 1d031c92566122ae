import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { compose } from "../../src/images/compose.ts";
import type { LoadMessage } from "../../src/images/load.ts";
import { sha256Of } from "../../src/oci/digester.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { hostPlatform } from "../../src/oci/platform.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { file, gather, pieces, Stores, tarOf } from "./stores.ts";

const base = tarOf(file("base", "x".repeat(50_000)));
const top = tarOf(file("top", "y"));

test("what is saved is loaded with the same digests and names", async () => {
  await using from = new Stores();
  await using to = new Stores();
  const one = from.image([base, top]);
  const two = from.image([base]);
  from.images.put(one, parseReference("app:1"));
  from.images.put(one, parseReference("quay.io/team/app:1"));
  from.images.put(two, parseReference("other:2"));
  const archive = await gather(from.images.save(["app:1", "quay.io/team/app:1", "other:2"]));
  expect(await gather(from.images.save(["app:1", "quay.io/team/app:1", "other:2"]))).toEqual(archive);

  const messages: LoadMessage[] = [];
  await to.images.load(pieces(archive), { onMessage: (message) => messages.push(message) });
  expect(messages).toEqual([
    { stream: "Loaded image: app:1\n" },
    { stream: "Loaded image: quay.io/team/app:1\n" },
    { stream: "Loaded image: other:2\n" },
  ]);
  expect(to.images.resolve("app:1").id).toBe(one.digest);
  const image = to.images.resolve("other:2");
  expect(image.id).toBe(two.digest);
  // It can be run at once.
  expect(
    image.layers.map((layer) => readFileSync(join(to.layers.path(layer), "base"), "utf8").length),
  ).toEqual([50_000]);
  expect(await gather(to.images.save(["app:1", "quay.io/team/app:1", "other:2"]))).toEqual(archive);
});

test("an image without a name is saved and loaded by its id; compressed archives are read", async () => {
  await using from = new Stores();
  await using to = new Stores();
  const target = from.image([top]);
  from.images.put(target, parseReference("named:1"));
  const archive = await gather(from.images.save([target.digest.slice(7, 19)]));
  const messages: LoadMessage[] = [];
  await to.images.load(pieces(gzipSync(archive)), { onMessage: (message) => messages.push(message) });
  expect(messages).toEqual([{ stream: `Loaded image ID: ${target.digest}\n` }]);
  expect(to.images.resolve(target.digest).repoTags).toEqual([]);
});

test("a repository without a tag is saved with all its tags", async () => {
  await using from = new Stores();
  await using to = new Stores();
  from.images.put(from.image([base]), parseReference("app:1"));
  from.images.put(from.image([top]), parseReference("app:2"));
  from.images.put(from.image([top]), parseReference("apparatus:3"));
  const loaded = await to.images.load(from.images.save(["app"]));
  expect(loaded.flatMap(({ names }) => names)).toEqual(["app:1", "app:2"]);
});

test("of an index, what is there is saved, and loads as the same index", async () => {
  await using from = new Stores();
  await using to = new Stores();
  const here = from.image([base]);
  const elsewhere = { os: "linux", architecture: "s390x" };
  const manifests = [
    { ...here, platform: hostPlatform() },
    { mediaType: mediaTypes.ociManifest, digest: sha256Of("not pulled"), size: 10, platform: elsewhere },
  ];
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }));
  const index = { mediaType: mediaTypes.ociIndex, digest: from.blobs.put(bytes), size: bytes.length };
  from.images.put(index, parseReference("multi:1"));
  expect(from.images.resolve("multi:1").manifestDigest).toBe(here.digest);
  expect(() => from.images.resolve("multi:1", elsewhere)).toThrow(
    "image with reference multi:1 was found but does not provide the specified platform (linux/s390x)",
  );
  await to.images.load(from.images.save(["multi:1"]));
  expect(to.images.resolve("multi:1").id).toBe(index.digest);
});

test("indexes that name one another thousands of times are looked through once", async () => {
  await using stores = new Stores();
  let inner = stores.image([top]);
  for (let depth = 0; depth < 3; depth++) {
    const entry = depth === 0 ? { ...inner, platform: hostPlatform() } : inner;
    const manifests = Array.from({ length: 5_000 }, () => entry);
    const bytes = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }),
    );
    inner = { mediaType: mediaTypes.ociIndex, digest: stores.blobs.put(bytes), size: bytes.length };
  }
  stores.images.put(inner, parseReference("bomb:1"));
  expect(stores.images.resolve("bomb:1").layers).toHaveLength(1);
  expect(stores.images.variants(stores.images.resolve("bomb:1"))).toHaveLength(1);
});

test("Docker's older archive, with links for shared layers, becomes an image", async () => {
  await using stores = new Stores();
  const config = {
    architecture: hostPlatform().architecture,
    os: "linux",
    rootfs: { type: "layers", diff_ids: [sha256Of(top), sha256Of(top)] },
  };
  const text = JSON.stringify(config);
  const hex = sha256Of(text).slice(7);
  const archive = tarOf(
    { name: "aa/", type: "directory" },
    file("aa/VERSION", "1.0"),
    file("aa/json", "{}"),
    { name: "aa/layer.tar", type: "file", content: top },
    { name: "bb/layer.tar", type: "symlink", linkname: "../aa/layer.tar" },
    file(`${hex}.json`, text),
    file(
      "manifest.json",
      JSON.stringify([
        { Config: `${hex}.json`, RepoTags: ["old:1"], Layers: ["aa/layer.tar", "bb/layer.tar"] },
      ]),
    ),
    file("repositories", "{}"),
  );
  await stores.images.load(pieces(archive));
  const image = stores.images.resolve("old:1");
  expect(image.configDigest).toBe(`sha256:${hex}`);
  expect(readFileSync(join(stores.layers.path(sha256Of(top)), "top"), "utf8")).toBe("y");
  await stores.images.collect();
  // Of the archive's other files nothing is kept.
  expect(stores.blobs.list()).toHaveLength(3);
});

test("of an image in two forms, plain and compressed, each keeps only its own", async () => {
  await using stores = new Stores();
  const compressed = stores.image([base]);
  stores.images.put(compressed, parseReference("gzip:1"));
  const { contentSize } = stores.images.resolve("gzip:1");
  const saved = await gather(stores.images.save(["gzip:1"]));
  const blobs = stores.blobs.list().length;
  const config = Buffer.from(stores.blobs.read(stores.images.resolve("gzip:1").configDigest)).toString();
  const manifest = [{ Config: "config.json", RepoTags: ["plain:1"], Layers: ["layer.tar"] }];
  await stores.images.load(
    pieces(
      tarOf(
        { name: "layer.tar", type: "file", content: base },
        file("config.json", config),
        file("manifest.json", JSON.stringify(manifest)),
      ),
    ),
  );
  expect(stores.images.resolve("plain:1").id).not.toBe(compressed.digest);
  expect(stores.images.resolve("gzip:1").contentSize).toBe(contentSize);
  expect(await gather(stores.images.save(["gzip:1"]))).toEqual(saved);
  await stores.images.remove("plain:1");
  expect(stores.blobs.list()).toHaveLength(blobs);
  // The layer, as it is unpacked, is both.
  expect(stores.layers.has(sha256Of(base))).toBe(true);
});

const bad: [string, Buffer, string][] = [
  ["no archive", Buffer.alloc(2048, "x"), "invalid tar header"],
  ["an archive of something else", base, "neither index.json nor manifest.json"],
  [
    "a blob with a wrong name",
    tarOf(file(`blobs/sha256/${"ab".repeat(32)}`, "x")),
    "does not have its digest",
  ],
  [
    "a missing layer",
    tarOf(
      file(
        "c.json",
        JSON.stringify({
          os: "linux",
          architecture: "amd64",
          rootfs: { type: "layers", diff_ids: [sha256Of("a")] },
        }),
      ),
      file("manifest.json", JSON.stringify([{ Config: "c.json", RepoTags: [], Layers: ["gone/layer.tar"] }])),
    ),
    "gone/layer.tar is not there",
  ],
  [
    "links in a circle",
    tarOf(
      { name: "a", type: "symlink", linkname: "b" },
      { name: "b", type: "symlink", linkname: "a" },
      file("manifest.json", JSON.stringify([{ Config: "a", Layers: [] }])),
    ),
    "a is not there",
  ],
];

for (const [what, archive, message] of bad) {
  test(`not loaded, and nothing left: ${what}`, async () => {
    await using stores = new Stores();
    const attempt = stores.images.load(pieces(archive));
    await expect(attempt).rejects.toThrow(message);
    await stores.images.collect();
    expect(stores.images.list()).toEqual([]);
    expect(stores.blobs.list()).toEqual([]);
  });
}

test("an imported tar is an image with one layer", async () => {
  await using stores = new Stores();
  const id = await stores.images.import(pieces(gzipSync(top)), {
    reference: parseReference("rootfs:1"),
    message: "from scratch",
    config: { Cmd: ["/bin/sh"] },
  });
  const image = stores.images.resolve("rootfs:1");
  expect(image.id).toBe(id);
  expect(image.layers).toEqual([sha256Of(top)]);
  expect(image.config.config).toEqual({ Cmd: ["/bin/sh"] });
  expect(stores.images.history("rootfs:1")).toEqual([
    { id, created: expect.any(Number), createdBy: "", tags: ["rootfs:1"], size: 1, comment: "from scratch" },
  ]);
  expect(stores.layers.has(sha256Of(top))).toBe(true);
});

test("history shows each step, with the sizes of those that made a layer", async () => {
  await using stores = new Stores();
  const diff_ids = [base, top].map((tar) => sha256Of(tar));
  const history = [
    { created: "2024-01-02T03:04:05Z", created_by: "ADD base" },
    { created: "2024-01-02T03:04:06Z", created_by: "ENV A=b", empty_layer: true },
    { created: "2024-01-02T03:04:07Z", created_by: "COPY top", comment: "buildkit" },
  ];
  const target = stores.image([base, top], { history, rootfs: { type: "layers", diff_ids } });
  stores.images.put(target, parseReference("steps:1"));
  await stores.images.ensureUnpacked(stores.images.resolve("steps:1"));
  expect(stores.images.history("steps:1").map(({ id, createdBy, size }) => [id, createdBy, size])).toEqual([
    [target.digest, "COPY top", 1],
    ["<missing>", "ENV A=b", 0],
    ["<missing>", "ADD base", 50_000],
  ]);
});

test("images are found by name, digest, and the start of their id", async () => {
  await using stores = new Stores();
  const target = compose(stores.blobs, {
    config: { ...hostPlatform(), rootfs: { type: "layers", diff_ids: [] } },
    layers: [],
  });
  const { digest } = target;
  stores.images.put(target, parseReference("localhost:5000/a/b:1"));
  for (const name of [
    "localhost:5000/a/b:1",
    `localhost:5000/a/b@${digest}`,
    digest,
    digest.slice(7),
    digest.slice(7, 13),
  ]) {
    expect(stores.images.resolve(name).id).toBe(digest);
  }
  expect(stores.images.resolve(digest).repoDigests).toEqual([`localhost:5000/a/b@${digest}`]);
  expect(() => stores.images.resolve("localhost:5000/a/b")).toThrow(
    "No such image: localhost:5000/a/b:latest",
  );
  expect(() => stores.images.resolve(sha256Of("x"))).toThrow(`No such image: ${sha256Of("x")}`);
  expect(() => stores.images.resolve("UPPER")).toThrow("must be lowercase");
  stores.images.tag(digest.slice(7, 19), parseReference("other"));
  expect(stores.images.resolve("other:latest").repoTags).toEqual(["localhost:5000/a/b:1", "other:latest"]);
});

for (const tool of ["gzip", "zstd", "bzip2", "xz"]) {
  test.skipIf(Bun.which(tool) === null)(
    `an archive compressed with ${tool} is imported, and loaded`,
    async () => {
      await using stores = new Stores();
      const compress = (bytes: Uint8Array) => Bun.spawnSync([tool, "-c"], { stdin: bytes }).stdout;
      const tar = tarOf(file("f", "content"));
      const id = await stores.images.import(pieces(compress(tar)), {
        reference: parseReference("imported:1"),
      });
      const { layers, manifest } = stores.images.resolve(id);
      expect(layers).toEqual([sha256Of(tar)]);
      const [layer] = manifest.layers;
      // What no registry takes is kept plain, and then its digest is the diffId.
      if (tool === "bzip2" || tool === "xz") expect(layer?.digest).toBe(sha256Of(tar));
      else expect(layer?.mediaType).toEndWith(`tar+${tool}`);
      const archive = await gather(stores.images.save(["imported:1"]));
      await stores.images.remove("imported:1");
      await stores.images.load(pieces(compress(archive)));
      expect(stores.images.resolve("imported:1").id).toBe(id);
    },
  );
}

test.skipIf(Bun.which("xz") === null)(
  "xz that is corrupt or cut off is refused, and leaves nothing",
  async () => {
    await using stores = new Stores();
    const bytes = Bun.spawnSync(["xz", "-c"], { stdin: tarOf(file("f", "content")) }).stdout;
    await expect(stores.images.import(pieces(bytes.subarray(0, -8)))).rejects.toThrow(
      /^xz: .*[Uu]nexpected end/,
    );
    bytes[60] = 255 - (bytes[60] ?? 0);
    await expect(stores.images.import(pieces(bytes))).rejects.toThrow(/^xz: .*corrupt/);
    expect(stores.blobs.list()).toEqual([]);
  },
);

test("of several platforms, those that are asked for are saved", async () => {
  await using from = new Stores();
  await using to = new Stores();
  const platforms = ["s390x", "riscv64"].map((architecture) => ({ os: "linux", architecture }));
  const all = [hostPlatform(), ...platforms];
  const manifests = all.map((platform) => ({
    ...from.image([tarOf(file(platform.architecture, "x"))], {}, platform),
    platform,
  }));
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }));
  const index = { mediaType: mediaTypes.ociIndex, digest: from.blobs.put(bytes), size: bytes.length };
  from.images.put(index, parseReference("multi:1"));
  await to.images.load(from.images.save(["multi:1"], platforms));
  const loaded = to.images.everything()[0];
  expect(loaded?.id).toBe(index.digest);
  expect(loaded?.variants.map(({ platform }) => platform)).toEqual(platforms);
  expect(() => from.images.save(["multi:1"], [hostPlatform(), { os: "linux", architecture: "arm" }])).toThrow(
    "does not provide the specified platform (linux/arm)",
  );
});
