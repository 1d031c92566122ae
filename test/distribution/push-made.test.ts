import { expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import { pull } from "../../src/distribution/pull.ts";
import { push } from "../../src/distribution/push.ts";
import { compose, composeIndex } from "../../src/images/compose.ts";
import { sha256Of } from "../../src/oci/digester.ts";
import type { Descriptor } from "../../src/oci/manifest.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { hostPlatform, type Platform } from "../../src/oci/platform.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { registries } from "./real-registries.ts";
import { openStores, type Stores, temporaryFolder, testTransport } from "./stores.ts";
import { makeTar } from "./test-image.ts";

/** An image with one plain layer, as a build leaves it. */
function made({ blobs }: Stores, content: string, platform: Platform): Descriptor {
  const tar = makeTar({ file: content.repeat(1000) });
  const digest = blobs.put(tar);
  const layer = { mediaType: mediaTypes.ociLayer, digest, size: tar.length };
  const config = { ...platform, config: {}, rootfs: { type: "layers" as const, diff_ids: [digest] } };
  return { ...compose(blobs, { config, layers: [layer] }), platform };
}

const subject = "vnd.docker.reference.digest";

test.each(registries)(
  "an index that was made here goes to %s compressed all the way down",
  async (_, start) => {
    using folder = temporaryFolder();
    using elsewhere = temporaryFolder();
    await using stores = openStores(folder.path);
    await using others = openStores(elsewhere.path);
    await using registry = await start();
    const host = made(stores, "host ", hostPlatform());
    const other = made(stores, "other ", { os: "linux", architecture: "riscv64" });
    // As BuildKit tells what a manifest says of another one.
    const about = {
      ...made(stores, "about ", { os: "unknown", architecture: "unknown" }),
      annotations: { [subject]: host.digest },
    };
    const target = composeIndex(stores.blobs, { manifests: [host, other, about], annotations: {} });
    const reference = parseReference(`${registry.host}/made/many:1`);
    stores.images.put(target, reference);
    const transport = testTransport();
    const [pushed] = await push({ reference }, { ...stores, transport }, () => {});
    const ask = async (path: string) => {
      const accept = [mediaTypes.ociIndex, mediaTypes.ociManifest].join(", ");
      const answer = await fetch(`http://${registry.host}/v2/made/many/${path}`, { headers: { accept } });
      expect(answer.status).toBe(200);
      return answer;
    };
    const index = (await (await ask("manifests/1")).json()) as { manifests: Descriptor[] };
    expect(pushed?.descriptor.digest).not.toBe(target.digest);
    expect(index.manifests.map(({ platform }) => platform?.architecture)).toEqual([
      hostPlatform().architecture,
      "riscv64",
      "unknown",
    ]);
    expect(index.manifests[2]?.annotations?.[subject]).toBe(index.manifests[0]?.digest ?? "");
    for (const { digest } of index.manifests) {
      const manifest = (await (await ask(`manifests/${digest}`)).json()) as { layers: Descriptor[] };
      const [layer] = manifest.layers;
      expect(layer?.mediaType).toBe(mediaTypes.ociLayerGzip);
      const blob = Buffer.from(await (await ask(`blobs/${layer?.digest}`)).arrayBuffer());
      expect(blob.length).toBe(layer?.size ?? -1);
      expect(gunzipSync(blob).toString()).toContain("file");
    }
    await pull({ reference }, { ...others, transport }, () => {});
    expect(others.images.resolve(`${registry.host}/made/many:1`).id).toBe(
      pushed?.descriptor.digest ?? "sha256:",
    );
  },
);

test("a layer that is compressed already goes as it is, whatever its type says", async () => {
  using folder = temporaryFolder();
  await using stores = openStores(folder.path);
  const [[, start] = []] = registries;
  if (!start) throw new Error("no registry");
  await using registry = await start();
  const tar = makeTar({ file: "content" });
  const bytes = Bun.gzipSync(new Uint8Array(tar));
  const layer = { mediaType: mediaTypes.ociLayer, digest: stores.blobs.put(bytes), size: bytes.length };
  const config = {
    ...hostPlatform(),
    config: {},
    rootfs: { type: "layers" as const, diff_ids: [sha256Of(tar)] },
  };
  const target = compose(stores.blobs, { config, layers: [layer] });
  const reference = parseReference(`${registry.host}/made/odd:1`);
  stores.images.put(target, reference);
  const [pushed] = await push({ reference }, { ...stores, transport: testTransport() }, () => {});
  expect(pushed?.descriptor.digest).toBe(target.digest);
});
