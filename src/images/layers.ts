import type { Digest } from "../oci/digest.ts";

export interface UnpackRequest {
  /** Digest of the uncompressed tar. */
  diffId: Digest;
  /** The blob that holds it; it may still be on its way into the blob store, and is then unpacked as it arrives. */
  blob: Digest;
  mediaType: string;
  signal?: AbortSignal;
  /** Compressed bytes consumed so far. */
  onProgress?: (consumed: number) => void;
}

/** Unpacked layers, each in its own folder, in the form in which overlay takes them as a lower directory. */
export interface LayerStore {
  has(diffId: Digest): boolean;
  /** The folder for overlay's `lowerdir`. Throws `notFound`. */
  path(diffId: Digest): string;
  /** Bytes of the files of the layer. Throws `notFound`. */
  size(diffId: Digest): number;
  /**
   * Unpacks a blob unless its layer is there; layers are unpacked side by side, and those who ask for the same wait for
   * one another. Throws `invalidArgument` when the content does not have the diffId or is not a valid archive.
   */
  unpack(request: UnpackRequest): Promise<void>;
}
