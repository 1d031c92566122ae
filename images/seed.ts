import type { Digest } from "../src/oci/digest.ts";
import { buildBusybox } from "./busybox/build.ts";
import { buildHelloWorld } from "./hello-world/build.ts";
import type { BuiltImage, Content, ManifestContent } from "./image.ts";

/** Where images are stored: a running registry (`pushTo`), or a registry's folder. */
export interface ImageSink {
  putBlob(repository: string, blob: Content): Promise<void>;
  /** `reference` is a tag or the manifest's digest. */
  putManifest(repository: string, reference: string, manifest: ManifestContent): Promise<void>;
}

/** The images that come with Longshore. `busybox` is the path of a static busybox executable. */
export async function builtInImages({ busybox }: { busybox: string }): Promise<BuiltImage[]> {
  return [buildHelloWorld(), await buildBusybox(busybox)];
}

/**
 * Stores `images` with all their tags; what is there already stays as it is. Tells of each tag in a line:
 * `library/hello-world:latest sha256:…`.
 */
export async function seedImages(
  images: readonly BuiltImage[],
  sink: ImageSink,
  tell: (line: string) => void = () => {},
): Promise<Map<string, Digest>> {
  const stored = new Map<string, Digest>();
  for (const { repository, blobs, manifests, index, tags } of images) {
    for (const blob of blobs) await sink.putBlob(repository, blob);
    for (const manifest of manifests) await sink.putManifest(repository, manifest.digest, manifest);
    for (const tag of tags) {
      await sink.putManifest(repository, tag, index);
      stored.set(`${repository}:${tag}`, index.digest);
      tell(`${repository}:${tag} ${index.digest}`);
    }
  }
  return stored;
}
