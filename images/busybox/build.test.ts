import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { sha256Of } from "../../src/oci/digester.ts";
import { parseImageConfig } from "../../src/oci/image-config.ts";
import { parseManifest } from "../../src/oci/manifest.ts";
import { buildBusybox, busyboxImage } from "./build.ts";
import { staticArchitecture } from "./executable.ts";

const busybox = "/bin/busybox";

/** The listing of a tar, made by busybox's own tar. */
async function listing(tar: Uint8Array): Promise<string[]> {
  const child = Bun.spawn([busybox, "tar", "-tv"], { stdin: tar, stdout: "pipe" });
  return (await new Response(child.stdout).text()).trim().split("\n");
}

test("the image has the root file system that programs expect, and its parts name each other rightly", async () => {
  const image = await buildBusybox(busybox);
  const manifest = parseManifest(image.manifests[0]?.bytes ?? new Uint8Array());
  const [layer, config] = image.blobs;
  const tar = gunzipSync(layer?.bytes ?? new Uint8Array());
  expect(parseImageConfig(config?.bytes ?? new Uint8Array()).rootfs.diff_ids).toEqual([sha256Of(tar)]);
  expect(manifest.layers.map(({ digest }) => digest)).toEqual([sha256Of(layer?.bytes ?? "")]);

  const lines = await listing(tar);
  for (const expected of [
    /^drwxrwxrwt 0\/0 .* tmp\/$/,
    /^drwx------ 0\/0 .* root\/$/,
    /^-rwxr-xr-x 0\/0 .* bin\/busybox$/,
    /^-rw-r--r-- 0\/0 .* etc\/passwd$/,
    /^-rw-r--r-- 0\/0 .* etc\/group$/,
    / bin\/sh -> bin\/busybox$/,
    / usr\/bin\/env -> bin\/busybox$/,
    / usr\/bin\/\[ -> bin\/busybox$/,
  ]) {
    expect(lines).toContainEqual(expect.stringMatching(expected));
  }
  const names = lines.map((line) => line.split(/\s+/).at(5) ?? "");
  expect(names.filter((name) => name.includes("shadow"))).toEqual([]);
  for (const name of names) {
    const parent = name.replace(/\/$/, "").split("/").slice(0, -1).join("/");
    if (parent !== "") expect(names.slice(0, names.indexOf(name))).toContain(`${parent}/`);
  }
});

test("the same executable gives the same image", async () => {
  const [one, two] = await Promise.all([buildBusybox(busybox), buildBusybox(busybox)]);
  expect(one.index.digest).toBe(two.index.digest);
});

test("a path that is told twice or leads out of its folder does no harm", () => {
  const bytes = Buffer.from("x");
  const twice = {
    bytes,
    architecture: "amd64",
    version: undefined,
    applets: ["bin/sh", "bin/sh", "bin/busybox"],
  } as const;
  const once = { ...twice, applets: ["bin/sh"] };
  expect(busyboxImage(twice).index.digest).toBe(busyboxImage(once).index.digest);
});

test("an executable that cannot stand alone is refused", async () => {
  const shell = Buffer.from(await Bun.file("/bin/sh").bytes());
  expect(() => staticArchitecture(shell, "/bin/sh")).toThrow("dynamically linked");
  expect(() => staticArchitecture(Buffer.from("#!/bin/sh\n"), "x")).toThrow("not a 64-bit");
  const other = Buffer.from(await Bun.file(busybox).bytes());
  other.writeUInt16LE(8, 18);
  expect(() => staticArchitecture(other, "x")).toThrow("machine 8");
});

test.skipIf(process.getuid?.() !== 0)("programs run in the root file system", async () => {
  const root = await mkdtemp("/tmp/busybox-root-");
  try {
    const [layer] = (await buildBusybox(busybox)).blobs;
    const unpack = Bun.spawn([busybox, "tar", "-xzf", "-", "-C", root], {
      stdin: layer?.bytes ?? new Uint8Array(),
    });
    expect(await unpack.exited).toBe(0);
    const script =
      "id -un && id -u nobody && echo ~root && touch /tmp/x && /usr/bin/env -i /bin/ls /tmp && [ 1 = 1 ]";
    const child = Bun.spawn([busybox, "chroot", root, "/bin/sh", "-c", script], { stdout: "pipe", env: {} });
    expect([await new Response(child.stdout).text(), await child.exited]).toEqual([
      "root\n65534\n/root\nx\n",
      0,
    ]);
  } finally {
    await rm(root, { recursive: true });
  }
});
