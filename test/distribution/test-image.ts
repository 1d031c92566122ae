import type { Digest } from "../../src/oci/digest.ts";
import { sha256Of } from "../../src/oci/digester.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import type { Platform } from "../../src/oci/platform.ts";
import type { TestRegistry } from "./test-registry.ts";

/** One regular file in a tar (ustar, IEEE 1003.1 pax). */
function tarEntry(name: string, content: Uint8Array): Uint8Array {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        0", 148);
  header.write("ustar\x0000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

export function makeTar(files: Record<string, Uint8Array | string>): Uint8Array {
  const entries = Object.entries(files).map(([name, content]) => tarEntry(name, Buffer.from(content)));
  return Buffer.concat([...entries, Buffer.alloc(1024)]);
}

export interface TestImage {
  digest: Digest;
  manifest: Uint8Array;
  config: { digest: Digest; bytes: Uint8Array };
  layers: { digest: Digest; diffId: Digest; bytes: Uint8Array }[];
}

const defaultPlatform = { os: "linux", architecture: process.arch === "arm64" ? "arm64" : "amd64" };

/** An image of these layers (name → content each), with all that belongs to it. */
export function makeImage(
  layers: Record<string, Uint8Array | string>[],
  platform: Platform = defaultPlatform,
): TestImage {
  return imageOf(layers.map(makeTar), platform);
}

/** An image whose layers are these archives. */
export function imageOf(layers: readonly Uint8Array[], platform: Platform = defaultPlatform): TestImage {
  const blobs = layers.map((tar) => {
    const bytes = Bun.gzipSync(new Uint8Array(tar), { level: 1 });
    return { digest: sha256Of(bytes), diffId: sha256Of(tar), bytes };
  });
  return imageOfBlobs(blobs, platform);
}

/** An image of these layers, whatever they are. */
export function imageOfBlobs(blobs: TestImage["layers"], platform: Platform = defaultPlatform): TestImage {
  const diff_ids = blobs.map(({ diffId }) => diffId);
  const configBytes = Buffer.from(
    JSON.stringify({ ...platform, config: { Cmd: ["/x"] }, rootfs: { type: "layers", diff_ids } }),
  );
  const config = { digest: sha256Of(configBytes), bytes: configBytes };
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: config.digest, size: configBytes.length },
      layers: blobs.map(({ digest, bytes }) => ({
        mediaType: mediaTypes.ociLayerGzip,
        digest,
        size: bytes.length,
      })),
    }),
  );
  return { digest: sha256Of(manifest), manifest, config, layers: blobs };
}

/** Bytes that do not compress, the same for the same seed. */
export function noise(size: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(size / 4));
  let state = seed;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return new Uint8Array(words.buffer, 0, size);
}

/** Puts an image into a registry under `repository:tag`. */
export function serveImage(registry: TestRegistry, name: string, image: TestImage): void {
  const manifest = { bytes: image.manifest, mediaType: mediaTypes.ociManifest };
  registry.manifests.set(name, manifest);
  registry.manifests.set(image.digest, manifest);
  registry.blobs.set(image.config.digest, image.config.bytes);
  for (const { digest, bytes } of image.layers) registry.blobs.set(digest, bytes);
}

/** Puts an index of `images` under `repository:tag`, and returns its digest. */
export function serveIndex(
  registry: TestRegistry,
  name: string,
  images: { image: TestImage; platform: Platform }[],
): Digest {
  for (const { image } of images) serveImage(registry, image.digest, image);
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: images.map(({ image, platform }) => ({
        mediaType: mediaTypes.ociManifest,
        digest: image.digest,
        size: image.manifest.length,
        platform,
      })),
    }),
  );
  const index = { bytes, mediaType: mediaTypes.ociIndex };
  registry.manifests.set(name, index);
  registry.manifests.set(sha256Of(bytes), index);
  return sha256Of(bytes);
}
