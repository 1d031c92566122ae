import { fromText, toText } from "../archive/byte-string.ts";
import { normalisePath } from "../archive/extract-root.ts";
import { readTar } from "../archive/tar-reader.ts";
import { invalidArgument } from "../base/errors.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import type { BlobDescriptor, BlobStore, Lease } from "./blobs.ts";

/** The files of an image archive by name; their content is in the blob store. */
export class ArchiveFiles {
  readonly #files = new Map<string, BlobDescriptor>();
  readonly #links = new Map<string, string>();

  add(name: string, blob: BlobDescriptor): void {
    this.#files.set(name, blob);
  }

  /** `docker save` of old writes a layer once, and links for the images that share it. */
  link(name: string, target: string): void {
    this.#links.set(name, target);
  }

  get(name: string): BlobDescriptor | undefined {
    let path: string | undefined = toText(normalisePath(fromText(name)));
    // A chain of links that is longer than this is a circle.
    for (let steps = 0; path !== undefined && steps < 16; steps++) {
      const file = this.#files.get(path);
      if (file) return file;
      path = this.#links.get(path);
    }
    return undefined;
  }
}

/** What old archives hold besides, and nobody reads. */
const ignored = /(?:^|\/)(?:VERSION|json|repositories)$/;
const maxFiles = 100_000;

/** Smaller files are manifests and the like, which are looked into at once. */
const largeSize = 1024 * 1024;

/** Is told of a file before it is read, and may watch its content go by. */
type OnFile = (name: string, size: number, content: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
/** Is told of a blob when it can be read. `named`: the archive calls it by its digest. */
type OnStored = (blob: BlobDescriptor, named: boolean) => void;
type Store = (content: AsyncIterable<Uint8Array>, expected: Digest | undefined) => Promise<BlobDescriptor>;

/**
 * Reads an image archive to its end: every file becomes a blob, which `lease` keeps. Throws `invalidArgument` for what is
 * no archive, or when a file below `blobs/` does not have the digest that it is named by.
 */
export async function readArchive(
  blobs: BlobStore,
  lease: Lease,
  chunks: AsyncIterable<Uint8Array>,
  onFile: OnFile,
  onStored: OnStored,
): Promise<ArchiveFiles> {
  const pending: Promise<void>[] = [];
  const store: Store = async (content, expected) => {
    const { durable, ...blob } = await blobs.receive(content, lease, expected);
    // The disk writes large ones while the archive is read on.
    if (blob.size < largeSize) await durable;
    else pending.push(durable);
    return blob;
  };
  try {
    const files = await readFiles(blobs, lease, chunks, store, onFile, onStored);
    await Promise.all(pending);
    return files;
  } finally {
    await Promise.allSettled(pending);
  }
}

async function readFiles(
  blobs: BlobStore,
  lease: Lease,
  chunks: AsyncIterable<Uint8Array>,
  store: Store,
  onFile: OnFile,
  onStored: OnStored,
): Promise<ArchiveFiles> {
  const files = new ArchiveFiles();
  let count = 0;
  for await (const { entry, content } of readTar(chunks)) {
    if (++count > maxFiles) throw invalidArgument(`invalid archive: more than ${maxFiles} files`);
    const path = normalisePath(entry.name);
    const name = toText(path);
    if (entry.type === "symlink") files.link(name, linkTarget(path, entry.linkname));
    if (entry.type === "hardlink") files.link(name, toText(normalisePath(entry.linkname)));
    if (entry.type !== "file" || ignored.test(name)) continue;
    const expected = digestOf(name);
    const size = expected && blobs.size(expected);
    if (expected && size === entry.size) {
      lease.add(expected);
      // It may have been swept in between.
      if (blobs.has(expected)) {
        files.add(name, { digest: expected, size });
        onStored({ digest: expected, size }, true);
        continue;
      }
    }
    const blob = await store(onFile(name, entry.size, content), expected);
    files.add(name, blob);
    onStored(blob, expected !== undefined);
  }
  return files;
}

function linkTarget(path: string, linkname: string): string {
  const folder = path.split("/").slice(0, -1).join("/");
  return toText(normalisePath(linkname.startsWith("/") ? linkname : `${folder}/${linkname}`));
}

function digestOf(name: string): Digest | undefined {
  const [, algorithm, hex] = /^blobs\/([^/]+)\/([^/]+)$/.exec(name) ?? [];
  const digest = `${algorithm}:${hex}`;
  return isDigest(digest) ? digest : undefined;
}
