import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import {
  type CacheEntry,
  checkExport,
  checkImport,
  parseCacheEntry,
} from "../../api/buildkit/cache-entries.ts";
import { invalidArgument } from "../../base/errors.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import type { Stores } from "./content-services.ts";
import { ContentFolder } from "./content-store.ts";

/** `--cache-from` and `--cache-to` as the builder is asked, and the folders that it may read and write for them. */
export interface Caches {
  Imports: CacheEntry[];
  Exports: CacheEntry[];
  /** Folders that the builder reads and writes. */
  stores: Stores;
  /** Where a local cache that was written gets its name. */
  written: readonly { folder: ContentFolder; dest: string; tag: string }[];
}

/** Throws `invalidArgument`, `notImplemented`. `warn` is told of what there is not to import. */
export function buildCaches(
  { from, to }: { from: readonly string[]; to: readonly string[] },
  warn: (message: string) => void,
): Caches {
  const exports = to.flatMap((text) => exportOf(text));
  const imports = from.flatMap((text) => parseCacheEntry(text));
  exports.forEach(checkExport);
  imports.forEach(checkImport);
  const stores = new Map<string, ContentFolder>();
  const written = exports.flatMap(({ Type, Attrs: { dest = "", tag = "latest" } }) => {
    if (Type !== "local") return [];
    mkdirSync(dest, { recursive: true });
    const folder = new ContentFolder(resolve(dest));
    stores.set(`local:${dest}`, folder);
    return [{ folder, dest, tag }];
  });
  const found = imports.filter(({ Type, Attrs }) => {
    if (Type !== "local") return true;
    const { src = "" } = Attrs;
    const folder = new ContentFolder(resolve(src));
    const digest = digestIn(folder, Attrs);
    if (digest === undefined) {
      warn(`local cache import at ${src} skipped: no digest found for tag ${Attrs.tag ?? "latest"}`);
      return false;
    }
    if (folder.size(digest) === undefined) {
      warn(`local cache import at ${src} skipped: digest ${digest} unavailable`);
      return false;
    }
    Attrs.digest = digest;
    if (!stores.has(`local:${src}`)) stores.set(`local:${src}`, folder);
    return true;
  });
  return { Imports: found, Exports: exports, stores, written };
}

/** A kind alone stands for itself. */
function exportOf(text: string): CacheEntry[] {
  if (text === "inline") return [{ Type: "inline", Attrs: {} }];
  const entries = parseCacheEntry(text);
  if (entries.length > 1) throw invalidArgument(`invalid value ${text}`);
  return entries;
}

function digestIn(
  folder: ContentFolder,
  { digest, tag = "latest" }: Record<string, string>,
): Digest | undefined {
  if (digest !== undefined && digest !== "") return digest as Digest;
  if (tag === "") {
    throw invalidArgument(
      'local cache importer requires either explicit digest, "latest" tag or custom tag on index.json',
    );
  }
  return folder.tagged(tag);
}

/** Names what was written, where the builder says that it was. */
export function nameWritten(
  { written }: Pick<Caches, "written">,
  answer: Readonly<Record<string, string>>,
): void {
  for (const { folder, dest, tag } of written) {
    // Other builders than ours tell of one cache alone, which may be in another folder.
    const manifest = answer[`cache.manifest.local:${dest}`] ?? answer["cache.manifest"];
    if (manifest === undefined || manifest === "") continue;
    const descriptor = JSON.parse(manifest) as Descriptor;
    if (folder.size(descriptor.digest) !== undefined) folder.tag(tag, descriptor);
  }
}
