import { createHash, type Hash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { invalidArgument, notFound } from "../../base/errors.ts";
import { type Digest, hexOf, isDigest, parseDigest } from "../../oci/digest.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import { mediaTypes } from "../../oci/media-types.ts";

const refName = "org.opencontainers.image.ref.name";
const imageName = "io.containerd.image.name";

interface LayoutIndex {
  schemaVersion: 2;
  manifests: Descriptor[];
}

/** A folder with blobs, as OCI's image layout has it (image-spec, image-layout.md): images, or a local cache. */
export class ContentFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  #blob(digest: Digest): string {
    const { algorithm, hex } = splitDigest(digest);
    return join(this.path, "blobs", algorithm, hex);
  }

  /** Bytes of a blob; undefined where it is not there. */
  size(digest: Digest): number | undefined {
    return statSync(this.#blob(digest), { throwIfNoEntry: false })?.size;
  }

  /** Throws `notFound`. */
  read(digest: Digest, start: number): AsyncIterable<Uint8Array> {
    if (this.size(digest) === undefined) throw notFound(`content digest ${digest}: not found`);
    return createReadStream(this.#blob(digest), { start, highWaterMark: 512 * 1024 });
  }

  /** What `tag` names in `index.json`; undefined where it names nothing, or there is no such folder. */
  tagged(tag: string): Digest | undefined {
    return this.#index().manifests.findLast(({ annotations }) => annotations?.[refName] === tag)?.digest;
  }

  /** The one manifest that `index.json` names; undefined where there are none, or several. */
  only(): Digest | undefined {
    const [only, ...more] = this.#index().manifests;
    return more.length === 0 ? only?.digest : undefined;
  }

  /** Lets `tag` name a manifest that is there; `name`: the whole name of an image, for containerd's readers. */
  tag(tag: string, descriptor: Descriptor, name?: string): void {
    const others = this.#index().manifests.filter(({ annotations }) => annotations?.[refName] !== tag);
    const annotations = {
      ...descriptor.annotations,
      [refName]: tag,
      ...(name !== undefined && { [imageName]: name }),
    };
    const manifests = [...others, { ...descriptor, annotations }];
    writeFileSync(join(this.path, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
    const path = join(this.path, "index.json");
    const mediaType = mediaTypes.ociIndex;
    writeFileSync(`${path}.new`, JSON.stringify({ schemaVersion: 2, mediaType, manifests }));
    renameSync(`${path}.new`, path);
  }

  #index(): LayoutIndex {
    const path = join(this.path, "index.json");
    if (statSync(path, { throwIfNoEntry: false }) === undefined) return { schemaVersion: 2, manifests: [] };
    const index = JSON.parse(readFileSync(path, "utf8")) as Partial<LayoutIndex>;
    return { schemaVersion: 2, manifests: index.manifests ?? [] };
  }

  /** Begins to write a blob. */
  writer(digest: Digest): ContentWriter {
    const folder = join(this.path, "ingest");
    mkdirSync(folder, { recursive: true });
    const file = join(folder, crypto.randomUUID());
    return new ContentWriter(file, digest, this.#blob(digest));
  }
}

/** A blob in the making: visible when it is whole and verified. Disposing of it removes what is not. */
export class ContentWriter implements Disposable {
  readonly #path: string;
  readonly #target: string;
  readonly #digest: Digest;
  #fd: number | undefined;
  #hash: Hash;
  offset = 0;

  constructor(path: string, digest: Digest, target: string) {
    this.#path = path;
    this.#target = target;
    this.#digest = digest;
    this.#fd = openSync(path, "wx", 0o644);
    this.#hash = createHash(splitDigest(digest).algorithm);
  }

  write(data: Uint8Array): void {
    if (this.#fd === undefined) throw invalidArgument("the blob is whole already");
    for (let at = 0; at < data.length; ) at += writeSync(this.#fd, data, at);
    this.#hash.update(data);
    this.offset += data.length;
  }

  restart(): void {
    if (this.#fd === undefined) throw invalidArgument("the blob is whole already");
    ftruncateSync(this.#fd, 0);
    closeSync(this.#fd);
    this.#fd = openSync(this.#path, "w", 0o644);
    this.#hash = createHash(splitDigest(this.#digest).algorithm);
    this.offset = 0;
  }

  /** Throws `invalidArgument` where the bytes do not have the digest, or not `total` bytes came. */
  commit(total: number): void {
    if (this.#fd === undefined) throw invalidArgument("the blob is whole already");
    const actual = `${splitDigest(this.#digest).algorithm}:${this.#hash.digest("hex")}`;
    if (actual !== this.#digest || (total > 0 && total !== this.offset)) {
      throw invalidArgument(`blob does not have its digest: expected ${this.#digest}, got ${actual}`);
    }
    fsyncSync(this.#fd);
    closeSync(this.#fd);
    this.#fd = undefined;
    mkdirSync(dirname(this.#target), { recursive: true });
    renameSync(this.#path, this.#target);
  }

  [Symbol.dispose](): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    rmSync(this.#path, { force: true });
  }
}

function splitDigest(digest: Digest): { algorithm: string; hex: string } {
  if (!isDigest(digest)) throw invalidArgument(`${JSON.stringify(digest)} failed validation`);
  return { algorithm: digest.slice(0, digest.indexOf(":")), hex: hexOf(parseDigest(digest)) };
}
