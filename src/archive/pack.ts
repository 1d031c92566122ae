import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { openFlags, openPath } from "../linux/file-at.ts";
import type { IdMaps } from "../linux/user-namespace.ts";
import type { Digest } from "../oci/digest.ts";
import { type ByteString, fromText } from "./byte-string.ts";
import { gather } from "./gather.ts";
import type { TarEvent } from "./tar-decoder.ts";
import { encodeHeader, endOfArchive, padding } from "./tar-encoder.ts";
import { type TreeKind, type TreeOptions, TreeReader } from "./tree-reader.ts";

/** What a tar is made of: all that is below a directory, or what stands in an open one (see `packResource`). */
export type PackSource = ({ tree: string } | { dir: number; base: ByteString; name: ByteString }) & {
  /** Whose ids the archive is to have, where they are not the host's. */
  ids?: IdMaps | undefined;
};

/** The bytes of the regular files that have been packed. */
type Counted = { bytes: number };

/**
 * The tar of all that is below `directory`: what `TreeReader` tells of it. Each piece is valid until the next.
 * Synchronous: for a Worker, or a few pieces at a time.
 */
export function* packTree(
  directory: string,
  options: TreeOptions = {},
  counted?: Counted,
): Generator<Uint8Array> {
  const root = openPath(fromText(directory), openFlags.readOnly | openFlags.directory);
  yield* encode(new TreeReader(options).below(root), counted);
}

/**
 * The tar of one file, or of a directory with all below it: `base` in the open directory `dir`, called `name` in the
 * archive (a root has the empty name). A socket gives an empty archive. Otherwise as `packTree`.
 */
export function packResource(
  dir: number,
  base: ByteString,
  name: ByteString,
  ids?: IdMaps,
): Generator<Uint8Array> {
  return encode(new TreeReader({ ids }).named(dir, base, name));
}

function* encode(events: Iterable<TarEvent>, counted: Counted = { bytes: 0 }): Generator<Uint8Array> {
  let size = 0;
  for (const event of events) {
    if (event.kind === "entry") {
      size = event.entry.size;
      counted.bytes += size;
      yield encodeHeader(event.entry);
    } else if (event.kind === "data") yield event.bytes;
    else if (size > 0) yield padding(size);
  }
  yield endOfArchive();
}

/** What is written at once. Bytes. */
const writeSize = 256 * 1024;

/**
 * Writes `packTree` to a new file, durably. The digest is also the layer's diffId; `bytes` are those of the regular
 * files.
 */
export function packToFile(
  directory: string,
  kind: TreeKind,
  output: string,
  newest?: number,
): { digest: Digest; size: number; bytes: number } {
  const hash = createHash("sha256");
  const fd = openSync(output, "wx", 0o600);
  const counted = { bytes: 0 };
  let size = 0;
  try {
    for (const piece of gather(packTree(directory, { kind, newest }, counted), writeSize)) {
      hash.update(piece);
      size += piece.length;
      for (let at = 0; at < piece.length; ) at += writeSync(fd, piece, at);
    }
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return { digest: `sha256:${hash.digest("hex")}`, size, ...counted };
}
