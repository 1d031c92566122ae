import { bringBack } from "../distribution/bring-back.ts";
import type { Lease } from "../images/leases.ts";
import type { Platform } from "../oci/platform.ts";
import type { Engine } from "./engine.ts";

/**
 * `docker save`: blobs that were dropped are fetched again first, so that what goes wrong is told before anything is
 * sent. What is being read stays, whatever becomes of the images.
 */
export async function saveImages(
  { images, blobs, transport, dropper }: Pick<Engine, "images" | "blobs" | "transport" | "dropper">,
  nameOrIds: readonly string[],
  platforms: readonly Platform[],
  signal: AbortSignal,
): Promise<AsyncGenerator<Uint8Array>> {
  const lease = blobs.lease();
  try {
    const content = images.savedContent(nameOrIds, platforms);
    lease.add(...content);
    await Promise.all(content.map((digest) => bringBack({ transport, blobs, signal }, digest)));
    return keeping(lease, images.save(nameOrIds, platforms), () => dropper.soon());
  } catch (error) {
    lease.release();
    throw error;
  }
}

async function* keeping(
  lease: Lease,
  chunks: AsyncGenerator<Uint8Array>,
  done: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } finally {
    lease.release();
    done();
  }
}
