import { createHash } from "node:crypto";
import { algorithmOf, type Digest, parseDigest } from "./digest.ts";

/*
 * Apart from `digest.ts`, which the client loads at each start to read image names: loading `node:crypto` would take it
 * longer than all that it loads itself.
 */

/** The SHA-256 digest of `bytes` (of the UTF-8 form of a text). */
export function sha256Of(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** The digest of `bytes` in the algorithm that `like` uses. */
export function digestLike(like: Digest, bytes: Uint8Array): Digest {
  const algorithm = algorithmOf(parseDigest(like));
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
}
