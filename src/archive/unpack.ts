import { createHash } from "node:crypto";
import { cancelled, invalidArgument } from "../base/errors.ts";
import { makeFilesAs } from "../linux/file-maker.ts";
import { type IdMaps, idOutside } from "../linux/user-namespace.ts";
import type { Digest } from "../oci/digest.ts";
import { type ArchiveSource, openArchive } from "./archive-source.ts";
import { type Extracted, type ExtractOptions, Extractor } from "./extractor.ts";
import { TarDecoder } from "./tar-decoder.ts";

/** What a Worker is asked to extract; can be cloned to another thread. */
export interface ExtractJob {
  /** File with the tar, compressed or not: the first of these paths that is there. */
  sources: string[];
  /** Set when the file is still growing; see `arrival.ts`. */
  arrival?: SharedArrayBuffer;
  /** Take bzip2 and xz, too: for archives that a user gives, not for layers. */
  programs?: boolean;
  /** The root of what is made; it is there. */
  directory: string;
  options: ExtractOptions;
}

/** A layer, into an empty directory. */
export interface UnpackJob extends ExtractJob {
  /** The SHA-256 digest of the file, where whoever wrote it has just computed it: a plain tar need not be hashed again. */
  digest?: Digest;
  /** What the uncompressed tar must be; undefined to find out. */
  diffId?: Digest;
}

export interface Unpacked {
  diffId: Digest;
  /** Bytes of the uncompressed tar. */
  tarSize: number;
  /** Bytes of all regular files. */
  bytes: number;
  entries: number;
}

/**
 * Unpacks synchronously: reads, decompresses, hashes and makes files in one pass. Throws `invalidArgument` when the
 * archive is not valid or does not have the digest; what was made until then stays for the caller to remove.
 * `onProgress` gets the compressed bytes read so far, at most once for each piece; `isCancelled` is asked as often.
 */
export function unpack(
  job: UnpackJob,
  onProgress: (consumed: number) => void = () => {},
  isCancelled: () => boolean = () => false,
): Unpacked {
  using source = openArchive(job.sources, job);
  const known = source.compression === "none" ? job.digest : undefined;
  const hash = createHash("sha256");
  let tarSize = 0;
  const extracted = makeFiles(source, job, job.diffId !== undefined, (chunk) => {
    if (isCancelled()) throw cancelled("context canceled");
    if (known === undefined) hash.update(chunk);
    tarSize += chunk.length;
    onProgress(source.consumed);
  });
  const diffId: Digest = known ?? `sha256:${hash.digest("hex")}`;
  if (job.diffId !== undefined && job.diffId !== diffId) {
    throw invalidArgument(`layer does not have its diffID: expected ${job.diffId}, got ${diffId}`);
  }
  return { diffId, tarSize, ...extracted };
}

/** As `unpack`, where nobody asks for the digest, which would take a good part of the time. */
export function extract(job: ExtractJob, isCancelled: () => boolean): void {
  using source = openArchive(job.sources, job);
  makeFiles(source, job, false, () => {
    if (isCancelled()) throw cancelled("context canceled");
  });
}

/** `onChunk` gets each piece of the uncompressed tar before its files are made. */
function makeFiles(
  source: ArchiveSource,
  { directory, options }: ExtractJob,
  hasDigest: boolean,
  onChunk: (chunk: Uint8Array) => void,
): Extracted {
  using _ = options.ids && makeFilesAs(rootOf(options.ids));
  using extractor = new Extractor(directory, options);
  const decoder = new TarDecoder();
  for (const chunk of source.chunks()) {
    onChunk(chunk);
    feed(decoder, extractor, chunk);
  }
  checkEnd(decoder, source, hasDigest);
  return extractor.finish();
}

/** Who makes the files where the ids are not the host's; each gets its own owner after that. */
const rootOf = ({ uids, gids }: IdMaps) => ({ uid: idOutside(uids, 0) ?? 0, gid: idOutside(gids, 0) ?? 0 });

function feed(decoder: TarDecoder, extractor: Extractor, chunk: Uint8Array): void {
  for (const event of decoder.push(chunk)) {
    if (event.kind === "entry") extractor.entry(event.entry);
    else if (event.kind === "data") extractor.data(event.bytes);
    else extractor.end();
  }
}

function checkEnd(decoder: TarDecoder, source: ArchiveSource, hasDigest: boolean): void {
  decoder.finish();
  // The zstd decoder does not tell when its input was cut off; where there is no digest to tell it, the end of the tar
  // does.
  if (!hasDigest && source.compression === "zstd" && !decoder.ended) {
    throw invalidArgument("unexpected EOF");
  }
}
