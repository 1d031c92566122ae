import type { Compression } from "../oci/media-types.ts";

/** How many bytes `detectCompression` looks at. */
export const magicLength = 6;

/** Formats that are known, and that only `docker import` and `load` meet: no registry gives them. */
export type ArchiveCompression = Compression | "bzip2" | "xz";

/**
 * The host's programs for what we do not decompress ourselves. A dictionary of gigabytes, which xz would allow, is
 * nobody's but an attacker's.
 */
export const decompressors = {
  bzip2: ["bzip2", "-dc"],
  xz: ["xz", "-dc", "--memlimit-decompress=512MiB"],
} as const;

const magics: readonly (readonly [ArchiveCompression, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b, 0x08]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
];

/** What the first bytes say; media types are not believed, since registries hold wrong ones. */
export function detectCompression(start: Uint8Array): ArchiveCompression {
  for (const [kind, magic] of magics) {
    if (magic.every((byte, at) => start[at] === byte)) return kind;
  }
  // A skippable frame of zstd (RFC 8878, 3.1.2) may come first.
  const [first = 0, ...rest] = start.subarray(0, 4);
  const skippable = (first & 0xf0) === 0x50 && rest[0] === 0x2a && rest[1] === 0x4d && rest[2] === 0x18;
  return skippable ? "zstd" : "none";
}
