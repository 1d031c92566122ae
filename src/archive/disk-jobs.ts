import type { ErrorCode } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { Change } from "./changes.ts";
import type { CopyFrom, CopyJob, Owner } from "./copy.ts";
import type { LookJob, Seen } from "./look.ts";
import type { PackSource } from "./pack.ts";
import type { RecompressJob } from "./recompress.ts";
import type { TreeKind } from "./tree-reader.ts";
import type { ExtractJob, Unpacked, UnpackJob } from "./unpack.ts";

/** What the workers do, each by its name: the kinds of disk work that would hold up the event loop. */
export interface DiskJobs {
  unpack: { ask: UnpackJob; answer: Unpacked };
  /** As `unpack`, of archives that are no layers. */
  extract: { ask: ExtractJob; answer: null };
  /** Removes a directory with all that it holds. */
  removeTree: { ask: { path: string }; answer: null };
  /** Writes the tar of a directory to a new file; what is newer than `newest` (seconds since 1970) gets that time. */
  pack: {
    ask: { directory: string; kind: TreeKind; output: string; newest?: number };
    answer: { digest: Digest; size: number; bytes: number };
  };
  /** Sends the tar of a directory, or of one file, in pieces; see `pack-stream.ts`. */
  packStream: { ask: { source: PackSource; taken: SharedArrayBuffer }; answer: null };
  /** What an overlay's upper directory changes of the layers below it, the upper one first. */
  changes: { ask: { upper: string; lower: string[] }; answer: Change[] };
  /** The bytes that a path takes on the disk. */
  diskUsage: { ask: { path: string }; answer: number };
  /** Where two trees differ first; null when they do not. */
  compareTrees: { ask: { one: string; other: string }; answer: string | null };
  /** Writes a file, gzipped, to a new one. */
  gzip: { ask: { path: string; output: string }; answer: { digest: Digest; size: number } };
  /** Writes a file, whatever it is compressed with, in another form to a new one. */
  recompress: { ask: RecompressJob; answer: { digest: Digest; size: number } };
  /** The hash of a file, in hex. */
  hashFile: { ask: { path: string; algorithm: string }; answer: string };
  /** Copies files into a root file system, as `COPY` does. */
  copy: { ask: CopyJob; answer: null };
  /** The digest of what a copy would bring: see `digestSelection`. */
  digest: { ask: CopyFrom; answer: { digest: string } };
  /** Makes a directory with its parents in a root file system. */
  makeDirectory: { ask: { root: string; path: string; owner: Owner }; answer: null };
  /** What a path leads to, asked where nobody waits. */
  look: { ask: LookJob; answer: Seen };
  /** Writes out what the file system of a path holds in memory. */
  syncFileSystem: { ask: { path: string }; answer: null };
}

export type DiskJobKind = keyof DiskJobs;

/** To the worker. `cancel`: one 32-bit integer; anything but 0 means stop. */
export type DiskRequest = {
  [Kind in DiskJobKind]: { kind: Kind; ask: DiskJobs[Kind]["ask"]; cancel: SharedArrayBuffer };
}[DiskJobKind];

/** From the worker: progress and pieces any number of times, then one of the others. */
export type DiskReply =
  | { progress: number }
  | { piece: Uint8Array }
  | { answer: DiskJobs[DiskJobKind]["answer"] }
  | { error: { code: ErrorCode; message: string } };
