import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { Platform } from "../oci/platform.ts";
import type { Reference } from "../oci/reference.ts";
import type { DeletedItem, HistoryItem, Image } from "./image.ts";

/** The images: what has a name or is used, out of the blobs and layers. */
export interface ImageStore {
  /**
   * Finds an image by name, full id or the start of an id. Without `platform` the best that is there for the host is taken,
   * or any. Throws `notFound`: `No such image: x:latest`.
   */
  resolve(nameOrId: string, platform?: Platform): Image;
  list(): Image[];
  /**
   * Records that `reference` (with tag or digest) names `target`, whose manifests, configurations and layers are in the
   * stores for at least one platform. The image that had the name before stays, without it.
   */
  put(target: Descriptor, reference: Reference): Image;
  /** Unpacks the layers of the image that are not there (any more, or yet). */
  ensureUnpacked(image: Image): Promise<void>;
  tag(nameOrId: string, reference: Reference): void;
  remove(nameOrId: string, options?: { force?: boolean }): Promise<DeletedItem[]>;
  history(nameOrId: string, platform?: Platform): HistoryItem[];
  /** The target of a name, or undefined: whether a pull has anything to do. */
  targetOf(reference: Reference): Digest | undefined;
}
