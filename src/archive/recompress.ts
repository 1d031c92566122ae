import { closeSync, openSync, writeSync } from "node:fs";
import type { Digest } from "../oci/digest.ts";
import type { Compression } from "../oci/media-types.ts";
import { openArchive } from "./archive-source.ts";

export interface RecompressJob {
  path: string;
  /** A new file. */
  output: string;
  to: Compression;
  /** As the format has it; its own where not given. */
  level?: number | undefined;
}

/** So much is compressed at a time, as a member (gzip) or frame (zstd) of its own; readers take them for one. */
const memberSize = 8 * 1024 * 1024;

/**
 * Writes a file, whatever it is compressed with, in another form. The same bytes always give the same. Synchronous: for
 * a Worker.
 */
export function recompress(
  { path, output, to, level }: RecompressJob,
  throwIfCancelled: () => void,
): { digest: Digest; size: number } {
  using source = openArchive([path]);
  const hash = new Bun.CryptoHasher("sha256");
  const fd = openSync(output, "wx", 0o600);
  const buffer = new Uint8Array(memberSize);
  let filled = 0;
  let size = 0;
  const flush = () => {
    throwIfCancelled();
    const piece = compressed(buffer.subarray(0, filled), to, level);
    filled = 0;
    hash.update(piece);
    for (let at = 0; at < piece.length; ) at += writeSync(fd, piece, at);
    size += piece.length;
  };
  try {
    for (const chunk of source.chunks()) {
      for (let at = 0; at < chunk.length; ) {
        const part = chunk.subarray(at, at + memberSize - filled);
        buffer.set(part, filled);
        filled += part.length;
        at += part.length;
        if (filled === memberSize) flush();
      }
    }
    if (filled > 0 || size === 0) flush();
    return { digest: `sha256:${hash.digest("hex")}`, size };
  } finally {
    closeSync(fd);
  }
}

function compressed(bytes: Uint8Array<ArrayBuffer>, to: Compression, level: number | undefined): Uint8Array {
  if (to === "none") return bytes;
  if (to === "zstd") return Bun.zstdCompressSync(bytes, { level: level ?? 3 });
  // Bun.gzipSync takes no level that is out of its range.
  return Bun.gzipSync(bytes, { level: (level ?? 6) as 6 });
}
