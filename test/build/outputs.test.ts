/** How the layers of a result are compressed and typed: `--output type=oci|docker|image,compression=…`. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { run } from "../harness/process.ts";

let daemon: TestDaemon;
let folder: string;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
  folder = mkdtempSync(join(tmpdir(), "longshore-outputs-"));
  writeFileSync(join(folder, "Dockerfile"), "FROM busybox\nRUN echo made > /made\nRUN echo more > /more\n");
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

interface Manifest {
  mediaType: string;
  digest: string;
  config: { mediaType: string };
  layers: { mediaType: string; digest: string }[];
  manifests: Manifest[];
}

let number = 0;

/** Builds into an archive, and unpacks that. */
async function archived(output: string): Promise<{ layout: string; manifest: Manifest }> {
  const layout = join(folder, `layout-${number++}`);
  const dest = `${layout}.tar`;
  await daemon.must("build", "-q", "--provenance=false", "--output", `${output},dest=${dest}`, folder);
  mkdirSync(layout);
  expect((await run(["tar", "-xf", dest, "-C", layout])).code).toBe(0);
  const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as Manifest;
  const [top] = index.manifests;
  expect(top).toBeDefined();
  const manifest = JSON.parse(readFileSync(blobIn(layout, top?.digest ?? ""), "utf8")) as Manifest;
  expect(manifest.mediaType).toBe(top?.mediaType ?? "");
  return { layout, manifest };
}

const blobIn = (layout: string, digest: string) => join(layout, "blobs", digest.replace(":", "/"));

/** By its first bytes. */
function compressionOf(layout: string, { digest }: { digest: string }): string {
  const start = readFileSync(blobIn(layout, digest)).subarray(0, 2).toString("hex");
  return { "1f8b": "gzip", "28b5": "zstd" }[start] ?? "none";
}

const oci = (kind: string) => `application/vnd.oci.image.layer.v1.tar${kind}`;
const docker = (kind: string) => `application/vnd.docker.image.rootfs.diff.tar${kind}`;

test.each([
  // What was pulled stays as it came, unless it is forced.
  ["type=oci,compression=gzip", ["gzip", "gzip"], [oci("+gzip"), oci("+gzip")]],
  ["type=oci,compression=zstd,compression-level=9", ["gzip", "zstd"], [oci("+gzip"), oci("+zstd")]],
  ["type=oci,compression=zstd,force-compression=true", ["zstd", "zstd"], [oci("+zstd"), oci("+zstd")]],
  ["type=oci,compression=uncompressed,force-compression=true", ["none", "none"], [oci(""), oci("")]],
  ["type=docker,compression=gzip", ["gzip", "gzip"], [docker(".gzip"), docker(".gzip")]],
  ["type=docker,compression=zstd,oci-mediatypes=true", ["gzip", "zstd"], [oci("+gzip"), oci("+zstd")]],
  ["type=oci,compression=zstd,oci-mediatypes=false", ["gzip", "zstd"], [docker(".gzip"), docker(".zstd")]],
])("%s: %j", async (output, compressions, types) => {
  const { layout, manifest } = await archived(output);
  const { layers } = manifest;
  expect(layers).toHaveLength(3);
  const [base, ...made] = layers.map((layer) => compressionOf(layout, layer));
  expect([base, ...new Set(made)]).toEqual(compressions);
  const [baseType, ...madeTypes] = layers.map(({ mediaType }) => mediaType);
  expect([baseType, ...new Set(madeTypes)]).toEqual(types);
  const kind = types[0]?.includes("docker") ? "docker.container.image.v1" : "oci.image.config.v1";
  expect(manifest.config.mediaType).toBe(`application/vnd.${kind}+json`);
});

test("an archive that is compressed so can be loaded and run", async () => {
  const { layout } = await archived("type=docker,name=loaded,compression=zstd,force-compression=true");
  await daemon.must("load", "-q", "-i", `${layout}.tar`);
  expect(await daemon.must("run", "--rm", "--network=none", "loaded", "cat", "/made", "/more")).toBe(
    "made\nmore",
  );
});

test("a registry gets what was asked for, and what is told of the image names it", async () => {
  const name = `${daemon.registry.address}/compressed`;
  const output = `type=image,name=${name},push=true,compression=zstd,force-compression=true`;
  await daemon.must("build", "-q", "--provenance=mode=max", "--output", output, folder);
  const get = async (path: string) => {
    const accept = ["index", "manifest"].map((kind) => `application/vnd.oci.image.${kind}.v1+json`).join();
    const answer = await fetch(`${daemon.registry.url}/v2/compressed/${path}`, { headers: { accept } });
    expect(answer.status).toBe(200);
    return (await answer.json()) as Manifest & Record<string, never>;
  };
  const [image, statement] = (await get("manifests/latest")).manifests;
  const { layers } = await get(`manifests/${image?.digest}`);
  expect(layers.map(({ mediaType }) => mediaType)).toEqual([oci("+zstd"), oci("+zstd"), oci("+zstd")]);
  const [told] = (await get(`manifests/${statement?.digest}`)).layers;
  const text = JSON.stringify(await get(`blobs/${told?.digest}`));
  for (const { digest } of layers) expect(text).toContain(digest);
  expect(await daemon.must("run", "--rm", "--network=none", name, "cat", "/made")).toBe("made");

  const plain = `type=image,name=${name},push=true,compression=uncompressed`;
  await daemon.must("build", "-q", "--provenance=false", "--output", plain, folder);
  const types = (await get("manifests/latest")).layers.map(({ mediaType }) => mediaType);
  expect(types).toEqual([oci("+gzip"), oci(""), oci("")]);
});

test.each([
  ["type=oci,compression=estargz", "compression type estargz is not supported"],
  ["type=oci,compression=lzma", "unsupported compression type lzma"],
  ["type=image,compression-level=x", "non-integer value x specified for compression-level"],
  ["type=docker,force-compression=maybe", "non-bool value specified for force-compression"],
  ["type=oci,oci-mediatypes=maybe", "non-bool value specified for oci-mediatypes"],
  ["type=docker,tar=false", "output directory is not supported by docker exporter"],
])("%s: a clear error before anything is built", async (output, message) => {
  const dest = output.startsWith("type=image") ? "" : `,dest=${join(folder, "never")}`;
  const { code, stderr } = await daemon.docker(
    ...["build", "--progress=plain", "--no-cache", "--output", output + dest, folder],
  );
  expect(code).toBe(1);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain("RUN echo");
});
