import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { constants, createGzip } from "node:zlib";
import { internal } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { ZlibHandle } from "./inflate.ts";

const pieceSize = 1024 * 1024;
/** A third of the time of zlib's own 6, and a few hundredths larger; always the same, so that digests are. */
const level = 3;

/**
 * Writes `path`, gzipped, to the new file `output`; the same bytes always give the same. Synchronous: for a Worker.
 * Throws what the system says, and when `cancelled` says so.
 */
export function gzipFile(
  path: string,
  output: string,
  cancelled: () => boolean,
): { digest: Digest; size: number } {
  const hash = new Bun.CryptoHasher("sha256");
  const [from, to] = [openSync(path, "r"), openSync(output, "wx", 0o600)];
  const { _handle: handle, _writeState: state } = createGzip({ level, chunkSize: pieceSize }) as unknown as {
    _handle: ZlibHandle;
    _writeState: Uint32Array;
  };
  let failure: string | undefined;
  handle.onerror = (message) => {
    failure = message;
  };
  const made = new Uint8Array(pieceSize);
  let size = 0;
  const push = (flush: number, input: Uint8Array) => {
    for (let at = 0; ; ) {
      handle.writeSync(flush, input, at, input.length - at, made, 0, pieceSize);
      if (failure !== undefined) throw internal(failure);
      const [room = 0, left = 0] = state;
      const piece = made.subarray(0, pieceSize - room);
      at = input.length - left;
      hash.update(piece);
      for (let written = 0; written < piece.length; ) written += writeSync(to, piece, written);
      size += piece.length;
      if (room > 0) return;
    }
  };
  try {
    const buffer = new Uint8Array(pieceSize);
    for (let length = readSync(from, buffer); length > 0; length = readSync(from, buffer)) {
      if (cancelled()) throw internal("context canceled");
      push(constants.Z_NO_FLUSH, buffer.subarray(0, length));
    }
    push(constants.Z_FINISH, new Uint8Array(0));
    return { digest: `sha256:${hash.digest("hex")}`, size };
  } finally {
    handle.close();
    closeSync(from);
    closeSync(to);
  }
}
