import type { ByteString } from "./byte-string.ts";

/**
 * How a layer says that something of the layers below is gone (OCI image-spec, layer.md): a file `.wh.<name>` deletes
 * `<name>`; `.wh..wh..opq` hides all that the directory held below. Overlay says it with a character device 0/0 and
 * with the extended attribute `trusted.overlay.opaque` = `y` (kernel: Documentation/filesystems/overlayfs.rst).
 */
export const whiteoutPrefix = ".wh.";
export const opaqueMarker = ".wh..wh..opq";
export const opaqueXattr = "trusted.overlay.opaque";
export const opaqueValue: Uint8Array = Buffer.from("y");

/** Attributes that steer overlay itself: never taken from an archive, never written into one. */
export function isOverlayXattr(key: ByteString): boolean {
  return key.startsWith("trusted.overlay.") || key.startsWith("user.overlay.");
}

export type Whiteout = { kind: "opaque" } | { kind: "delete"; name: ByteString } | { kind: "ignore" };

/** What the last component of an entry's name says, or undefined when it is no whiteout. */
export function parseWhiteout(base: ByteString): Whiteout | undefined {
  if (!base.startsWith(whiteoutPrefix)) return undefined;
  if (base === opaqueMarker) return { kind: "opaque" };
  // Book-keeping of aufs (".wh..wh.plnk", ".wh..wh.aufs"), which old images still hold.
  if (base.startsWith(whiteoutPrefix + whiteoutPrefix)) return { kind: "ignore" };
  return { kind: "delete", name: base.slice(whiteoutPrefix.length) };
}
