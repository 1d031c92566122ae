import { fromText } from "../src/archive/byte-string.ts";
import { encodeHeader, endOfArchive, padding } from "../src/archive/tar-encoder.ts";
import { tarEntry } from "../src/archive/tar-entry.ts";

/** A file of a layer; everything belongs to root. */
export interface LayerFile {
  /** Without slashes at its ends. */
  path: string;
  type: "file" | "directory" | "hardlink";
  /** Permissions with the sticky bit. */
  mode: number;
  content?: Uint8Array;
  /** The path that a hard link is another name of; it has to come before. */
  target?: string;
}

/** The tar of a layer: `files` in their order, all with the time `mtime` (nanoseconds since 1970). */
export function layerTar(files: readonly LayerFile[], mtime: bigint): Buffer {
  const parts = files.flatMap(({ path, type, mode, content = new Uint8Array(), target = "" }) => {
    const name = fromText(type === "directory" ? `${path}/` : path);
    const size = content.byteLength;
    const header = encodeHeader(tarEntry({ name, type, mode, size, mtime, linkname: fromText(target) }));
    return [header, content, padding(size)];
  });
  return Buffer.concat([...parts, endOfArchive()]);
}
