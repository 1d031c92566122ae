import { invalidArgument, notImplemented } from "../../base/errors.ts";
import type { LayerForm } from "../../builder/reencode-layer.ts";
import type { Compression } from "../../oci/media-types.ts";
import { boolOf } from "./bool-attr.ts";

/** `compression=`, `compression-level=` and `force-compression=` of outputs and caches. Throws in BuildKit's words. */
export function layerFormOf(
  attrs: Readonly<Record<string, string>>,
): Pick<LayerForm, "compression" | "level" | "force"> {
  const compression = compressionOf(attrs.compression);
  const level = attrs["compression-level"];
  if (level !== undefined && !/^-?\d{1,3}$/.test(level)) {
    throw invalidArgument(`non-integer value ${level} specified for compression-level`);
  }
  return {
    compression,
    level: level === undefined ? undefined : clamped(Number(level), compression),
    force: boolOf(attrs, "force-compression"),
  };
}

const askedBy = ["compression", "compression-level", "force-compression"];

/** True where somebody has said how layers are to be compressed. */
export function asksForLayerForm(attrs: Readonly<Record<string, string>>): boolean {
  return askedBy.some((name) => attrs[name] !== undefined);
}

/** Levels that a format does not have mean its nearest. */
function clamped(level: number, compression: Compression): number {
  return Math.max(1, Math.min(level, compression === "zstd" ? 22 : 9));
}

function compressionOf(text = "gzip"): Compression {
  if (text === "uncompressed") return "none";
  if (text === "gzip" || text === "zstd") return text;
  if (text === "estargz") throw notImplemented("compression type estargz is not supported");
  throw invalidArgument(`unsupported compression type ${text}`);
}
