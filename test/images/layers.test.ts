import { expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { getXattr } from "../../src/linux/xattr.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { sha256Of } from "../../src/oci/digester.ts";
import { file, Stores, tarOf } from "./stores.ts";

/** Unpacks a tar as a layer, and returns its folder. */
async function unpack(
  stores: Stores,
  tar: Buffer,
  compress: (tar: Buffer) => Buffer = gzipSync,
): Promise<string> {
  const diffId = sha256Of(tar);
  await stores.layers.unpack({ diffId, blob: stores.blobs.put(compress(tar)) });
  return stores.layers.path(diffId);
}

/** What is left below `layers/` when nothing has been unpacked. */
const leftovers = (stores: Stores) => readdirSync(join(stores.root, "layers"));

test("owner, mode, time, links, devices and binary attributes are kept", async () => {
  await using stores = new Stores();
  const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");
  const mtime = 1_234_567_890_987_654_321n;
  const folder = await unpack(
    stores,
    tarOf(
      { name: "./", type: "directory", mode: 0o711 },
      { name: "bin/", type: "directory", mode: 0o750, uid: 3, gid: 4, mtime },
      {
        name: "bin/ping",
        type: "file",
        content: "ELF",
        mode: 0o4755,
        uid: 1000,
        gid: 1001,
        mtime,
        xattrs: new Map([["security.capability", capability]]),
      },
      { name: "bin/ping6", type: "hardlink", linkname: "bin/ping" },
      { name: "bin/sh", type: "symlink", linkname: "/bin/busybox", uid: 5, gid: 6, mtime },
      { name: "null", type: "char", devMajor: 1, devMinor: 3, mode: 0o666 },
      { name: "pipe", type: "fifo", mode: 0o600 },
      { name: "caf\xc3\xa9", type: "file", content: "utf-8" },
      { name: `${"long/".repeat(60)}name`, type: "file", content: "pax" },
    ),
  );
  const ping = lstatSync(join(folder, "bin/ping"), { bigint: true });
  expect([ping.mode & 0o7777n, ping.uid, ping.gid, ping.mtimeNs, ping.nlink]).toEqual([
    0o4755n,
    1000n,
    1001n,
    mtime,
    2n,
  ]);
  expect(getXattr(join(folder, "bin/ping"), "security.capability")).toEqual(new Uint8Array(capability));
  const bin = lstatSync(join(folder, "bin"), { bigint: true });
  expect([bin.mode & 0o7777n, bin.uid, bin.gid, bin.mtimeNs]).toEqual([0o750n, 3n, 4n, mtime]);
  expect(readlinkSync(join(folder, "bin/sh"))).toBe("/bin/busybox");
  expect(lstatSync(join(folder, "bin/sh")).uid).toBe(5);
  expect(lstatSync(join(folder, "null")).rdev).toBe(0x103);
  expect(lstatSync(join(folder, "pipe")).isFIFO()).toBe(true);
  expect(readFileSync(join(folder, "café"), "utf8")).toBe("utf-8");
  expect(readFileSync(join(folder, `${"long/".repeat(60)}name`), "utf8")).toBe("pax");
  expect(lstatSync(folder).mode & 0o7777).toBe(0o711);
});

test("whiteouts become overlay's, in whatever order they stand", async () => {
  await using stores = new Stores();
  const folder = await unpack(
    stores,
    tarOf(
      { name: "etc/", type: "directory" },
      file("etc/.wh.gone", ""),
      file("opt/.wh..wh..opq", ""),
      file("opt/new", "x"),
      file(".wh.replaced", ""),
      { name: "replaced/", type: "directory" },
      file("replaced/inside", "x"),
      file("kept", "x"),
      file(".wh.kept", ""),
      file(".wh..wh.plnk", ""),
      file(".wh.parent", ""),
      file("parent/child", "x"),
    ),
  );
  const gone = lstatSync(join(folder, "etc/gone"));
  expect([gone.isCharacterDevice(), gone.rdev]).toEqual([true, 0]);
  for (const name of ["opt", "replaced", "parent"]) {
    expect(Buffer.from(getXattr(join(folder, name), "trusted.overlay.opaque") ?? []).toString()).toBe("y");
  }
  expect(readFileSync(join(folder, "kept"), "utf8")).toBe("x");
  expect(readdirSync(folder).filter((name) => name.startsWith(".wh."))).toEqual([]);
});

test("attributes that steer overlay are not taken from an archive", async () => {
  await using stores = new Stores();
  const xattrs = new Map([["trusted.overlay.redirect", Buffer.from("/etc")]]);
  const folder = await unpack(stores, tarOf({ name: "d/", type: "directory", xattrs }));
  expect(getXattr(join(folder, "d"), "trusted.overlay.redirect")).toBeUndefined();
});

test("links that point out of the layer are followed inside it", async () => {
  await using stores = new Stores();
  const outside = join(stores.root, "outside");
  mkdirSync(outside);
  const folder = await unpack(
    stores,
    tarOf(
      { name: "tmp/", type: "directory" },
      { name: "up", type: "symlink", linkname: "../../../../../../tmp" },
      file("up/here", "inside"),
      { name: "root", type: "symlink", linkname: "/" },
      file("root/there", "inside"),
    ),
  );
  expect(readFileSync(join(folder, "tmp/here"), "utf8")).toBe("inside");
  expect(readFileSync(join(folder, "there"), "utf8")).toBe("inside");
});

const hostile: [string, Buffer][] = [
  ["a name that climbs", tarOf(file("../evil", "x"))],
  ["a name that climbs later", tarOf(file("a/../../evil", "x"))],
  ["a hard link that climbs", tarOf({ name: "a", type: "hardlink", linkname: "../../../../etc/passwd" })],
  [
    "a hard link through a symbolic link",
    tarOf(
      { name: "l", type: "symlink", linkname: "/etc" },
      { name: "a", type: "hardlink", linkname: "l/passwd" },
    ),
  ],
  [
    "a file below a link that leads out",
    tarOf({ name: "l", type: "symlink", linkname: "/nowhere-in-the-layer" }, file("l/evil", "x")),
  ],
  ["a whiteout of the parent", tarOf(file("a/.wh...", ""))],
  ["a whiteout of nothing", tarOf(file("a/.wh.", ""))],
  ["a root that is a file", tarOf(file(".", "x"))],
  ["an archive that breaks off", tarOf(file("a", "x".repeat(2000))).subarray(0, 1500)],
  ["no archive at all", Buffer.alloc(4096, "x")],
];

for (const [what, tar] of hostile) {
  test(`refused, and nothing left: ${what}`, async () => {
    await using stores = new Stores();
    await expect(unpack(stores, tar)).rejects.toThrow();
    expect(leftovers(stores)).toEqual([]);
    expect(existsSync(join(stores.root, "evil"))).toBe(false);
  });
}

test("content that does not have the diffId is refused", async () => {
  await using stores = new Stores();
  const blob = stores.blobs.put(gzipSync(tarOf(file("a", "one"))));
  const diffId = sha256Of(tarOf(file("a", "two")));
  await expect(stores.layers.unpack({ diffId, blob })).rejects.toThrow("diffID");
  expect(leftovers(stores)).toEqual([]);
  expect(stores.layers.has(diffId)).toBe(false);
});

test("zstd and plain tar are recognised, whatever the media type says", async () => {
  await using stores = new Stores();
  const zstd = await unpack(stores, tarOf(file("a", "zstd")), zstdCompressSync);
  const plain = await unpack(stores, tarOf(file("a", "plain")), (tar) => tar);
  expect(readFileSync(join(zstd, "a"), "utf8")).toBe("zstd");
  expect(readFileSync(join(plain, "a"), "utf8")).toBe("plain");
});

test("a blob is unpacked while it arrives", async () => {
  await using stores = new Stores();
  const tar = tarOf(file("big", "0123456789".repeat(400_000)), file("last", "x"));
  const digest = sha256Of(tar);
  const half = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const arriving = stores.blobs.ingest({ digest, size: tar.length }, async (writer) => {
    await writer.write(tar.subarray(0, 2_000_000));
    half.resolve();
    await go.promise;
    await writer.write(tar.subarray(2_000_000));
  });
  await half.promise;
  const read = Promise.withResolvers<void>();
  const unpacked = stores.layers.unpack({
    diffId: digest,
    blob: digest,
    onProgress: () => read.resolve(),
  });
  // The Worker has read a part, and the rest is not there yet.
  await read.promise;
  expect(stores.layers.has(digest)).toBe(false);
  go.resolve();
  await Promise.all([arriving, unpacked]);
  expect(lstatSync(join(stores.layers.path(digest), "big")).size).toBe(4_000_000);
});

test("an unpacking that reads along ends when the download fails, even at its very end", async () => {
  await using stores = new Stores();
  const tar = tarOf(file("big", "x".repeat(2_000_000)));
  const digest = sha256Of(tar);
  const [half, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const arriving = stores.blobs.ingest({ digest, size: tar.length }, async (writer) => {
    await writer.write(tar.subarray(0, 1_500_000));
    half.resolve();
    await go.promise;
    await writer.write(tar.subarray(1_500_000));
    throw new Error("connection reset");
  });
  await half.promise;
  const unpacked = stores.layers.unpack({ diffId: digest, blob: digest });
  go.resolve();
  const [download, layer] = await Promise.allSettled([arriving, unpacked]);
  expect(String(download.status === "rejected" && download.reason)).toContain("connection reset");
  expect(String(layer.status === "rejected" && layer.reason)).toContain("context canceled");
  expect(leftovers(stores)).toEqual([]);
});

test("several who ask for a layer wait for one unpacking; who gives up leaves the others alone", async () => {
  await using stores = new Stores();
  const tar = tarOf(file("big", "x".repeat(3_000_000)));
  const request = { diffId: sha256Of(tar), blob: stores.blobs.put(gzipSync(tar)) };
  const stop = new AbortController();
  const first = stores.layers.unpack({ ...request, signal: stop.signal });
  const second = stores.layers.unpack(request);
  stop.abort();
  await expect(first).rejects.toThrow("context canceled");
  await second;
  expect(stores.layers.has(request.diffId)).toBe(true);
});

test("a restart sweeps what was in the making, and finds what is whole", async () => {
  const before = new Stores();
  const folder = await unpack(before, tarOf(file("a", "whole")));
  mkdirSync(join(before.root, "layers", `${"ab".repeat(32)}.partial`));
  mkdirSync(join(before.root, "layers", "cd".repeat(32)));
  await before.close();
  await using after = new Stores(before.root);
  expect(leftovers(after).map((name) => join(after.root, "layers", name))).toEqual([folder]);
  expect(after.layers.list()).toHaveLength(1);
});

test("after a power failure, layers that were not synced are unpacked again", async () => {
  const before = new Stores();
  const target = before.image([tarOf(file("a", "never on the disk"))]);
  before.images.put(target);
  await before.images.ensureUnpacked(before.images.resolve(target.digest));
  const synced = tarOf(file("b", "on the disk"));
  await before.close();

  await using after = new Stores(before.root, "boot-2");
  expect(after.layers.list()).toEqual([]);
  const image = after.images.resolve(target.digest);
  await after.images.ensureUnpacked(image);
  await unpack(after, synced);
  await after.layers.sync();
  await after.close();

  await using again = new Stores(before.root, "boot-3");
  expect(again.layers.list().sort()).toEqual([...image.layers, sha256Of(synced)].sort() as Digest[]);
});

test("a layer whose folder has vanished is not claimed to be there", async () => {
  const before = new Stores();
  const folder = await unpack(before, tarOf(file("a", "x")));
  await before.close();
  renameSync(folder, join(before.root, "elsewhere"));
  await using after = new Stores(before.root);
  expect(after.layers.list()).toEqual([]);
});

test("a plain tar whose digest its writer tells is not hashed again, a compressed one is", async () => {
  await using stores = new Stores();
  const tar = tarOf(file("a", "content"));
  // A wrong one, so that it can be told from what a hash gives.
  const told = sha256Of(Buffer.from("told"));
  const options = { whiteouts: "overlay", devices: true } as const;
  const diffIdOf = async (name: string, bytes: Buffer) => {
    const path = join(stores.root, name);
    writeFileSync(path, bytes);
    mkdirSync(`${path}.layer`);
    const job = { sources: [path], digest: told, directory: `${path}.layer`, options };
    const { diffId } = await stores.workers.run("unpack", job);
    expect(readFileSync(join(`${path}.layer`, "a"), "utf8")).toBe("content");
    return diffId;
  };
  expect(await diffIdOf("plain", tar)).toBe(told);
  expect(await diffIdOf("gzip", gzipSync(tar))).toBe(sha256Of(tar));
});
