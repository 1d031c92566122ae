import { cancelled, EngineError, messageOf } from "../base/errors.ts";
import { syncFileSystem } from "../linux/file-at.ts";
import { changesOf } from "./changes.ts";
import { compareTrees, hashFile } from "./compare-trees.ts";
import { copyInto, digestSelection, makeDirectoryIn } from "./copy.ts";
import { gzipFile } from "./deflate.ts";
import type { DiskJobs, DiskReply, DiskRequest } from "./disk-jobs.ts";
import { diskUsage } from "./disk-usage.ts";
import { look } from "./look.ts";
import { packToFile } from "./pack.ts";
import { sendPieces } from "./pack-stream.ts";
import { recompress } from "./recompress.ts";
import { removeTree } from "./remove-tree.ts";
import { extract, unpack } from "./unpack.ts";

declare const self: Worker;

const progressMillis = 50;

function reply(message: DiskReply): void {
  self.postMessage(message);
}

function run(request: DiskRequest): DiskJobs[DiskRequest["kind"]]["answer"] {
  const flag = new Int32Array(request.cancel);
  let told = Number.NEGATIVE_INFINITY;
  const onProgress = (progress: number) => {
    const now = performance.now();
    if (now - told < progressMillis) return;
    told = now;
    reply({ progress });
  };
  switch (request.kind) {
    case "unpack":
      return unpack(request.ask, onProgress, () => Atomics.load(flag, 0) !== 0);
    case "extract":
      extract(request.ask, () => Atomics.load(flag, 0) !== 0);
      return null;
    case "pack": {
      const { directory, kind, output, newest } = request.ask;
      return packToFile(directory, kind, output, newest);
    }
    case "packStream":
      sendPieces(request.ask, flag, (piece) => reply({ piece }));
      return null;
    case "changes":
      return changesOf(request.ask.upper, request.ask.lower);
    case "removeTree":
      removeTree(request.ask.path);
      return null;
    case "diskUsage":
      return diskUsage(request.ask.path);
    case "compareTrees":
      return compareTrees(request.ask.one, request.ask.other) ?? null;
    case "gzip":
      return gzipFile(request.ask.path, request.ask.output, () => Atomics.load(flag, 0) !== 0);
    case "recompress":
      return recompress(request.ask, () => {
        if (Atomics.load(flag, 0) !== 0) throw cancelled("context canceled");
      });
    case "hashFile":
      return hashFile(request.ask.path, request.ask.algorithm);
    case "copy":
      copyInto(request.ask);
      return null;
    case "digest":
      return { digest: digestSelection(request.ask) };
    case "makeDirectory":
      makeDirectoryIn(request.ask);
      return null;
    case "look":
      return look(request.ask);
    case "syncFileSystem":
      syncFileSystem(request.ask.path);
      return null;
  }
}

self.onmessage = ({ data }: MessageEvent<DiskRequest>) => {
  try {
    reply({ answer: run(data) });
  } catch (error) {
    const code = error instanceof EngineError ? error.code : "internal";
    reply({ error: { code, message: messageOf(error) } });
  }
};
