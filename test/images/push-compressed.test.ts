import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { settled } from "../faults/stores.ts";
import { TestDaemon } from "../harness/daemon.ts";

/** What is made here is kept plain, and goes out compressed, in the same bytes each time. */
let daemon: TestDaemon;
let name: string;
const gzip = "application/vnd.oci.image.layer.v1.tar+gzip";

beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
  name = `${daemon.registry.address}/made/app:1`;
  await daemon.must("run", "--name", "maker", "busybox", "sh", "-c", "seq 1 100000 > /numbers");
  await daemon.must("commit", "maker", name);
  await daemon.must("rm", "maker");
});

afterAll(() => daemon[Symbol.asyncDispose]());

interface Manifest {
  config: { digest: string };
  layers: { mediaType: string; digest: string; size: number }[];
}

async function remote(
  reference: string,
  repository = "made/app",
): Promise<{ digest: string; manifest: Manifest }> {
  const answer = await fetch(`${daemon.registry.url}/v2/${repository}/manifests/${reference}`, {
    headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
  });
  const digest = answer.headers.get("docker-content-digest") ?? "";
  return { digest, manifest: (await answer.json()) as Manifest };
}

const digestLine = async (...args: string[]) =>
  /digest: (\S+) size/.exec(await daemon.must("push", ...args))?.[1] ?? "";

test("layers go gzipped, once, and the image is known by what the registry has", async () => {
  const pushed = await digestLine(name);
  const there = await remote("1");
  expect(there.digest).toBe(pushed);
  expect(there.manifest.layers.map(({ mediaType }) => mediaType)).toEqual(
    there.manifest.layers.map(() => gzip),
  );
  const own = there.manifest.layers.at(-1);
  expect(own?.size).toBeLessThan(300_000);
  expect(await daemon.must("push", name)).toContain("Layer already exists");
  expect(await digestLine(`${name}`)).toBe(pushed);
  const byDigest = `${daemon.registry.address}/made/app@${pushed}`;
  expect(await daemon.must("image", "inspect", "--format", "{{index .RepoDigests 0}}", name)).toBe(byDigest);
  expect(await daemon.must("run", "--rm", byDigest, "tail", "-n1", "/numbers")).toBe("100000");
});

test("a pull of it has nothing to do; without it, the same content comes back", async () => {
  const id = await daemon.must("image", "inspect", "--format", "{{.Id}}", name);
  const { digest, manifest } = await remote("1");
  const pulled = await daemon.must("pull", name);
  expect(pulled).toContain("Image is up to date");
  expect(pulled).toContain(`Digest: ${digest}`);
  expect(await daemon.must("images", "-q", "--no-trunc")).toContain(id);
  expect(await daemon.must("images", "-q", "--filter", "dangling=true")).toBe("");
  await daemon.must("rmi", name);
  await settled(daemon.dataRoot);
  const layer = manifest.layers.at(-1)?.digest.slice("sha256:".length) ?? "";
  expect(readdirSync(join(daemon.dataRoot, "blobs/sha256"))).not.toContain(layer);
  await daemon.must("pull", "-q", name);
  expect(await daemon.must("image", "inspect", "--format", "{{.Id}}", name)).toBe(digest);
  expect(await daemon.must("run", "--rm", name, "tail", "-n1", "/numbers")).toBe("100000");
});

test("what was pulled, or imported compressed, goes as it came", async () => {
  const busybox = `${daemon.registry.address}/made/busybox:1`;
  await daemon.must("tag", "busybox", busybox);
  const id = await daemon.must("image", "inspect", "--format", "{{.Id}}", "busybox");
  expect(await digestLine(busybox)).toBe(id);
  const again = `${daemon.registry.address}/made/again:1`;
  await daemon.must("tag", name, again);
  const { digest } = await remote("1");
  expect(await digestLine(again)).toBe(digest);
});
