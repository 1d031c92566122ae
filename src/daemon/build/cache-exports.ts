import { type CacheEntry, checkExport } from "../../api/buildkit/cache-entries.ts";
import { invalidArgument, isEngineError, messageOf } from "../../base/errors.ts";
import { type CacheWriter, ClientWriter, RegistryWriter } from "../../builder/remote-cache/cache-writer.ts";
import { type CacheForm, exportCache } from "../../builder/remote-cache/export-cache.ts";
import { ClientContent } from "../../builder/session/content-store.ts";
import { credentialsOf } from "../../builder/session/services.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import { parseReference, withDefaultTag } from "../../oci/reference.ts";
import { boolOf } from "./bool-attr.ts";
import type { Evaluated } from "./evaluate.ts";
import { type ExportAnswer, type ExportRequest, namesOf, type Output } from "./export.ts";
import { layerFormOf } from "./layer-form.ts";

/** A value of `--cache-to`, understood. */
export interface CacheExport extends CacheEntry {
  form: CacheForm;
  /** A failure is shown, and does not fail the build. */
  ignoreError: boolean;
}

/** Throws `invalidArgument`, `notImplemented` in BuildKit's words. */
export function cacheExports(entries: readonly CacheEntry[]): CacheExport[] {
  entries.forEach(checkExport);
  const unique = new Map(entries.map((entry) => [JSON.stringify([entry.Type, entry.Attrs]), entry]));
  return [...unique.values()].map((entry) => {
    try {
      if (entry.Type === "registry") withDefaultTag(parseReference(entry.Attrs.ref ?? ""));
      const ignoreError = boolOf(entry.Attrs, "ignore-error");
      return { ...entry, form: formOf(entry.Attrs), ignoreError };
    } catch (error) {
      if (!isEngineError(error, "invalidArgument")) throw error;
      throw invalidArgument(`failed to configure ${entry.Type} cache exporter: ${error.message}`, error);
    }
  });
}

function formOf(attrs: CacheEntry["Attrs"]): CacheForm {
  const { mode = "min" } = attrs;
  if (mode !== "min" && mode !== "max") throw invalidArgument(`invalid cache export mode: ${mode}`);
  const ociTypes = boolOf(attrs, "oci-mediatypes", true);
  const imageManifest = boolOf(attrs, "image-manifest", ociTypes);
  if (imageManifest && !ociTypes)
    throw invalidArgument(
      "invalid configuration for remote cache, OCI mediatypes are required for image-manifest cache format",
    );
  return {
    mode,
    imageManifest,
    ociTypes,
    ...layerFormOf(attrs),
    mounts: boolOf(attrs, "mounts"),
  };
}

interface Exported {
  results: readonly Evaluated[];
  outputs: readonly Output[];
  exports: readonly CacheExport[];
}

/** Hands on what the steps have come to. The images are there already, and stay when this fails. */
export async function exportCaches(
  engine: Engine,
  request: ExportRequest,
  { results, outputs, exports }: Exported,
): Promise<ExportAnswer> {
  const answer: ExportAnswer = {};
  for (const entry of exports) {
    // What is written into images is in them by now.
    if (entry.Type === "inline") continue;
    const descriptor = await exportOne(engine, request, entry, { results, outputs });
    if (descriptor === undefined) continue;
    const text = JSON.stringify(descriptor);
    // Clients of BuildKit know of one, and name what is in their folder by it; ours names each by its own.
    if (entry.Type === "local" || answer["cache.manifest"] === undefined) answer["cache.manifest"] = text;
    if (entry.Type === "local" && exports.length > 1)
      answer[`cache.manifest.local:${entry.Attrs.dest}`] = text;
  }
  return answer;
}

async function exportOne(
  engine: Engine,
  request: ExportRequest,
  entry: CacheExport,
  { results, outputs }: Pick<Exported, "results" | "outputs">,
): Promise<Descriptor | undefined> {
  const { progress, lease, signal } = request;
  const title =
    entry.Type === "local" ? "exporting cache to client directory" : "exporting cache to registry";
  const id = `${title} ${JSON.stringify(entry.Attrs)}`;
  try {
    return await progress.task(
      title,
      async (vertex) => {
        const line = async (text: string, work: () => Promise<void>) => {
          progress.status(vertex, text, { isDone: false });
          await work();
          progress.status(vertex, text, { isDone: true });
        };
        let writer: CacheWriter | undefined;
        await line("preparing build cache for export", async () => {
          writer = await writerOf(engine, request, entry, outputs);
        });
        if (writer === undefined) throw new Error("a cache export without a place");
        const builds = results.map(({ built }) => built);
        return exportCache(engine.builder, { builds, form: entry.form, writer, lease, signal, line });
      },
      id,
    );
  } catch (error) {
    if (!entry.ignoreError || signal.aborted) throw error;
    const message = `the cache was not exported, which is ignored: ${messageOf(error)}`;
    progress.warn({ rule: "", description: "", url: "", message, line: 0 });
    return undefined;
  }
}

async function writerOf(
  engine: Engine,
  { session, signal }: ExportRequest,
  { Type, Attrs }: CacheEntry,
  outputs: readonly Output[],
): Promise<CacheWriter> {
  if (Type === "local") return new ClientWriter(new ClientContent(session, `local:${Attrs.dest}`));
  const reference = withDefaultTag(parseReference(Attrs.ref ?? ""));
  const credentials = await credentialsOf(session, reference.domain, signal);
  const { transport, blobs } = engine.builder;
  const pushed = outputs
    .filter((output) => output.Attrs.push === "true")
    .flatMap((output) => namesOf(output.Attrs.name))
    .find(({ domain, path }) => domain === reference.domain && path !== reference.path);
  return RegistryWriter.open({
    transport,
    blobs,
    reference,
    credentials,
    mountFrom: pushed?.path,
    signal,
  });
}
