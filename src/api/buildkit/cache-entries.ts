import { parseCsvRecord } from "../../base/csv.ts";
import { invalidArgument, messageOf, notImplemented } from "../../base/errors.ts";

/** A value of `--cache-from` or `--cache-to`: where a cache is, and how it is made. */
export interface CacheEntry {
  Type: string;
  Attrs: Record<string, string>;
}

/** Caches of services that are not reached from here. */
const foreign = new Set(["gha", "s3", "azblob"]);

/** `type=registry,ref=name`, or names of images alone. Throws `invalidArgument`. */
export function parseCacheEntry(text: string): CacheEntry[] {
  const fields = fieldsOf(text);
  if (fields.every((field) => !field.includes("=")))
    return fields.map((ref) => ({ Type: "registry", Attrs: { ref } }));
  const pairs = fields.map((field) => {
    const at = field.indexOf("=");
    if (at < 0) throw invalidArgument(`invalid value ${field}`);
    return [field.slice(0, at).trim().toLowerCase(), field.slice(at + 1)] as const;
  });
  const { type = "", ...Attrs } = Object.fromEntries(pairs);
  if (type === "") throw invalidArgument(`type required form> "${text}"`);
  return [{ Type: type, Attrs }];
}

function fieldsOf(text: string): string[] {
  try {
    return parseCsvRecord(text);
  } catch (error) {
    throw invalidArgument(messageOf(error), error);
  }
}

/** Throws `invalidArgument`, `notImplemented` in BuildKit's words where nothing can be read from there. */
export function checkImport({ Type, Attrs }: CacheEntry): void {
  if (foreign.has(Type)) throw notImplemented(`cache importer ${Type} is not supported`);
  if (Type === "registry" && !Attrs.ref) throw invalidArgument("registry cache importer requires ref");
  if (Type === "local" && !Attrs.src) throw invalidArgument("local cache importer requires src");
  if (Type === "inline" && !Attrs.ref) throw invalidArgument("inline cache importer requires ref");
  if (!["registry", "local", "inline"].includes(Type)) {
    throw invalidArgument(`unknown cache importer: ${JSON.stringify(Type)}`);
  }
}

/** Throws `invalidArgument`, `notImplemented` in BuildKit's words where nothing can be written there. */
export function checkExport({ Type, Attrs }: CacheEntry): void {
  if (foreign.has(Type)) throw notImplemented(`cache exporter ${Type} is not supported`);
  if (Type === "registry" && !Attrs.ref) throw invalidArgument("registry cache exporter requires ref");
  if (Type === "local" && !Attrs.dest) throw invalidArgument("local cache exporter requires dest");
  if (!["registry", "local", "inline"].includes(Type)) {
    throw invalidArgument(`unknown cache exporter: ${JSON.stringify(Type)}`);
  }
}
