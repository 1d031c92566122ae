import { invalidArgument } from "../base/errors.ts";

/** The name of some bytes: `<algorithm>:<lower-case hex>`, almost always `sha256:…` (OCI image-spec, descriptor.md). */
export type Digest = `${string}:${string}`;

const hexLengths: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };
const form = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/;

/**
 * `text` as a digest. Throws `invalidArgument` in the words of Go's digest package: `invalid checksum digest format`,
 * `unsupported digest algorithm`, `invalid checksum digest length`.
 */
export function parseDigest(text: string): Digest {
  if (!form.test(text)) throw invalidArgument("invalid checksum digest format");
  const length = hexLengths[algorithmOf(text)];
  if (length === undefined) throw invalidArgument("unsupported digest algorithm");
  const hex = hexOf(text);
  if (hex.length !== length) throw invalidArgument("invalid checksum digest length");
  if (!/^[0-9a-f]+$/.test(hex)) throw invalidArgument("invalid checksum digest format");
  return text as Digest;
}

/** True when `parseDigest` takes `text`. */
export function isDigest(text: string): text is Digest {
  const length = hexLengths[algorithmOf(text)];
  return length !== undefined && hexOf(text).length === length && /^[0-9a-f]+$/.test(hexOf(text));
}

/** `sha256` of `sha256:…`. */
export function algorithmOf(digest: string): string {
  return digest.slice(0, Math.max(0, digest.indexOf(":")));
}

/** What follows the colon. */
export function hexOf(digest: string): string {
  return digest.slice(digest.indexOf(":") + 1);
}
