import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readdirSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { algorithmOf, type Digest, hexOf, isDigest } from "../oci/digest.ts";

/** `blobs/sha256/<hex>`, below `folder`. */
export function digestPath(folder: string, digest: Digest): string {
  return join(folder, algorithmOf(digest), hexOf(digest));
}

/** The digests that have a file or folder `<algorithm>/<hex>` below `folder`, and the paths of what else is there. */
export function listDigests(folder: string): { digests: Map<Digest, string>; others: string[] } {
  const digests = new Map<Digest, string>();
  const others: string[] = [];
  for (const algorithm of readdirSync(folder)) {
    for (const name of readdirSync(join(folder, algorithm))) {
      const digest = `${algorithm}:${name}`;
      const path = join(folder, algorithm, name);
      if (isDigest(digest)) digests.set(digest, path);
      else others.push(path);
    }
  }
  return { digests, others };
}

/** The same for layers, which are SHA-256 all: `<hex>` directly below `folder`. */
export function listLayers(folder: string): { digests: Map<Digest, string>; others: string[] } {
  const digests = new Map<Digest, string>();
  const others: string[] = [];
  for (const name of readdirSync(folder)) {
    const diffId = `sha256:${name}`;
    if (isDigest(diffId)) digests.set(diffId, join(folder, name));
    else others.push(join(folder, name));
  }
  return { digests, others };
}

/** Makes the content of a file durable, or the renames and new names in a folder. */
export function syncNow(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Writes a new file, durably. */
export function writeDurably(path: string, bytes: Uint8Array): void {
  const fd = openSync(path, "wx", 0o600);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The same for a large file, while others go on. */
export async function syncFile(path: string): Promise<void> {
  await using file = await open(path, "r");
  await file.sync();
}

/**
 * Writes a new file, and tells the hash of what was written; it is not durable yet. Writes go through a buffer, since
 * pieces may be small.
 */
export async function writeHashed(
  path: string,
  algorithm: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ hex: string; size: number }> {
  await using file = await open(path, "wx", 0o600);
  const hash = createHash(algorithm);
  const buffer = Buffer.allocUnsafe(1024 * 1024);
  let [filled, size] = [0, 0];
  const flush = async () => {
    for (let at = 0; at < filled; ) at += (await file.write(buffer, at, filled - at)).bytesWritten;
    filled = 0;
  };
  for await (const chunk of chunks) {
    hash.update(chunk);
    size += chunk.length;
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + buffer.length - filled);
      buffer.set(piece, filled);
      filled += piece.length;
      at += piece.length;
      if (filled === buffer.length) await flush();
    }
  }
  await flush();
  return { hex: hash.digest("hex"), size };
}
