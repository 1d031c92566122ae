import { createHash } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { fromText } from "../src/archive/byte-string.ts";
import { encodeHeader, endOfArchive, padding } from "../src/archive/tar-encoder.ts";
import { tarEntry } from "../src/archive/tar-entry.ts";

/** What is pulled, pushed, saved and loaded in the benchmarks: the size of an image of a language's runtime. */
const layerCount = 5;
const filesPerLayer = 3000;
const filesPerFolder = 12;
/** Bytes of a file: most are small, as in a distribution, and few hold most of the bytes. */
const sizes = [300, 900, 2000, 4000, 7000, 12_000, 20_000, 30_000, 50_000, 80_000];
const mtime = 1_700_000_000_000_000_000n;

/** The same numbers each time (xorshift, 32 bits). */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    yield state >>> 0;
  }
}

/** Text that compresses to about two fifths, as programs and libraries do. */
function textPool(size: number): Buffer {
  const random = numbers(7);
  const words = Array.from({ length: 4000 }, () => random.next().value.toString(36));
  const parts: string[] = [];
  for (let length = 0; length < size; ) {
    const word = words[random.next().value % words.length] ?? "";
    parts.push(word);
    length += word.length + 1;
  }
  return Buffer.from(parts.join(" ")).subarray(0, size);
}

function layerTar(layer: number, pool: Buffer): Buffer {
  const random = numbers(layer + 1);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < filesPerLayer; at++) {
    const folder = `usr/share/layer-${layer}/${Math.floor(at / filesPerFolder)}`;
    if (at % filesPerFolder === 0) {
      parts.push(encodeHeader(tarEntry({ name: fromText(`${folder}/`), type: "directory", mtime })));
    }
    const size = sizes[at % sizes.length] ?? 0;
    const start = random.next().value % (pool.length - size);
    const name = fromText(`${folder}/file-${at}`);
    parts.push(encodeHeader(tarEntry({ name, type: "file", size, mtime })));
    parts.push(pool.subarray(start, start + size), padding(size));
  }
  return Buffer.concat([...parts, endOfArchive()]);
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Writes an archive for `docker load`, in Docker's form, with an image called `reference` whose layers are gzip. */
export function writeLargeImage(path: string, reference: string): void {
  const fd = openSync(path, "wx");
  const put = (name: string, content: Uint8Array) => {
    const header = encodeHeader(tarEntry({ name: fromText(name), type: "file", size: content.length }));
    for (const bytes of [header, content, padding(content.length)]) writeSync(fd, bytes);
  };
  try {
    const pool = textPool(8_000_000);
    const [diffIds, names]: [string[], string[]] = [[], []];
    for (let layer = 0; layer < layerCount; layer++) {
      const tar = layerTar(layer, pool);
      diffIds.push(`sha256:${sha256(tar)}`);
      names.push(`layer-${layer}.tar.gz`);
      put(`layer-${layer}.tar.gz`, gzipSync(tar));
    }
    const config = Buffer.from(
      JSON.stringify({
        architecture: process.arch === "arm64" ? "arm64" : "amd64",
        os: "linux",
        config: { Cmd: ["/bin/true"] },
        rootfs: { type: "layers", diff_ids: diffIds },
      }),
    );
    const configName = `${sha256(config)}.json`;
    put(configName, config);
    const manifest = [{ Config: configName, RepoTags: [reference], Layers: names }];
    put("manifest.json", Buffer.from(JSON.stringify(manifest)));
    writeSync(fd, endOfArchive());
  } finally {
    closeSync(fd);
  }
}
