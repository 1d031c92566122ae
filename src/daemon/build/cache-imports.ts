import { type CacheEntry, checkImport, parseCacheEntry } from "../../api/buildkit/cache-entries.ts";
import { internal, invalidArgument, isEngineError, messageOf } from "../../base/errors.ts";
import type { ContentReader } from "../../builder/content-reader.ts";
import { LocalImageReader, RegistryReader } from "../../builder/registry-reader.ts";
import {
  ImportedCache,
  type LoadedCache,
  uselessBecause,
} from "../../builder/remote-cache/imported-cache.ts";
import { loadCache } from "../../builder/remote-cache/load-cache.ts";
import type { ClientSession } from "../../builder/session/client-session.ts";
import { ClientContent } from "../../builder/session/content-store.ts";
import { credentialsOf } from "../../builder/session/services.ts";
import type { Credentials } from "../../distribution/credentials.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Digest } from "../../oci/digest.ts";
import { parseReference, withDefaultTag } from "../../oci/reference.ts";
import { boolOf } from "./bool-attr.ts";
import type { FrontendAttrs } from "./frontend-options.ts";
import type { StatusProgress } from "./status-progress.ts";

interface Access {
  credentials: (registry: string) => Promise<Credentials>;
  /** Whose folders local caches are in. */
  session?: ClientSession;
  signal: AbortSignal;
}

/** Shows the reading of a cache, and what is wrong with it: the build goes on without. */
interface Shown {
  load: (name: string, work: (remark: Remark) => Promise<LoadedCache>) => Promise<LoadedCache>;
}

/** Says a line about a cache that can be read. */
type Remark = (line: string) => void;

/**
 * The caches of `--cache-from`; undefined where there are none. Throws `invalidArgument`,
 * `notImplemented` for entries that make no sense.
 */
export function openImports(
  engine: Engine,
  entries: readonly CacheEntry[],
  access: Access,
  { load }: Shown,
): ImportedCache | undefined {
  if (entries.length === 0) return undefined;
  // Both a solve and its frontend say them, with their attributes in any order.
  const unique = new Map(entries.map((entry) => [JSON.stringify([entry.Type, sorted(entry.Attrs)]), entry]));
  const all = [...unique.values()];
  all.forEach(checkImport);
  const withMounts = new Map(all.map((entry) => [entry, boolOf(entry.Attrs, "mounts")]));
  return new ImportedCache(
    all.map(
      (entry) => () =>
        load(nameOf(entry), async (remark) => {
          const loaded = await read(engine, entry, access);
          const why = uselessBecause(loaded);
          if (why !== undefined) remark(why);
          return withMounts.get(entry) ? loaded : { ...loaded, mounts: new Map() };
        }),
    ),
  );
}

const sorted = (attrs: CacheEntry["Attrs"]) => Object.entries(attrs).sort(([a], [b]) => (a < b ? -1 : 1));

/** What a solve is asked to import, by itself and in the attributes of its frontend. */
export function sessionImports(
  engine: Engine,
  request: {
    session: ClientSession;
    attrs: FrontendAttrs;
    imports: readonly CacheEntry[];
    progress: StatusProgress;
    signal: AbortSignal;
  },
): ImportedCache | undefined {
  const { session, attrs, imports, progress, signal } = request;
  const credentials = (registry: string) => credentialsOf(session, registry, signal);
  return openImports(
    engine,
    [...imports, ...importsIn(attrs)],
    { credentials, session, signal },
    {
      load: (name, work) =>
        progress.task(`importing cache manifest from ${name}`, () =>
          work((line) => {
            const message = `the cache ${name} is of no use: ${line}`;
            progress.warn({ rule: "", description: "", url: "", message, line: 0 });
          }),
        ),
    },
  );
}

/** `cache-imports`: entries as JSON; `cache-from`: names, as older clients say it. */
function importsIn(attrs: FrontendAttrs): CacheEntry[] {
  const names = attrs["cache-from"] ? parseCacheEntry(attrs["cache-from"]) : [];
  const text = attrs["cache-imports"];
  if (!text) return names;
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch (error) {
    throw invalidArgument(`failed to unmarshal cache imports: ${messageOf(error)}`, error);
  }
  if (!Array.isArray(entries)) throw invalidArgument("failed to unmarshal cache imports: not a list");
  return [
    ...names,
    ...(entries as Partial<CacheEntry>[]).map(({ Type = "", Attrs }) => ({ Type, Attrs: Attrs ?? {} })),
  ];
}

function nameOf({ Type, Attrs }: CacheEntry): string {
  return Type === "local" ? `local:${Attrs.src}` : (Attrs.ref ?? Type);
}

async function read(engine: Engine, entry: CacheEntry, access: Access): Promise<LoadedCache> {
  try {
    const here = await readHere(engine, entry, access.signal);
    return here ?? (await loadCache(readerOf(engine, entry, access), access.signal));
  } catch (error) {
    if (isEngineError(error, "cancelled")) throw error;
    throw internal(`failed to configure ${entry.Type} cache importer: ${messageOf(error)}`, error);
  }
}

function readerOf(engine: Engine, { Type, Attrs }: CacheEntry, access: Access): ContentReader {
  if (Type === "local") {
    const { session } = access;
    if (session === undefined) throw invalidArgument("local cache exporter/importer requires session");
    return new ClientContent(session, `local:${Attrs.src}`, Attrs.digest as Digest | undefined);
  }
  const reference = withDefaultTag(parseReference(Attrs.ref ?? ""));
  const credentials = () => access.credentials(reference.domain);
  return new RegistryReader(engine.builder.transport, reference, credentials);
}

/** What an image of that name knows that is here; undefined where there is none that says anything of steps. */
async function readHere(
  { images, blobs }: Engine,
  { Type, Attrs }: CacheEntry,
  signal: AbortSignal,
): Promise<LoadedCache | undefined> {
  if (Type === "local") return undefined;
  const id = images.targetOf(withDefaultTag(parseReference(Attrs.ref ?? "")));
  if (id === undefined || !blobs.has(id)) return undefined;
  const loaded = await loadCache(new LocalImageReader(blobs, id), signal);
  return loaded.results.size > 0 || loaded.foreign > 0 ? loaded : undefined;
}
