import { dockerRelease } from "../../base/build.ts";
import { isEngineError, notFound, unavailable } from "../../base/errors.ts";
import type { Credentials } from "../../distribution/credentials.ts";
import { putManifest, startUpload } from "../../distribution/registry-client.push.ts";
import type { FetchedManifest, RegistryClient } from "../../distribution/registry-client.ts";
import { RegistryError, readBounded } from "../../distribution/registry-error.ts";
import { Repository } from "../../distribution/repository.ts";
import { createTransport, type RegistryTransport } from "../../distribution/transport.ts";
import type { Digest } from "../../oci/digest.ts";
import { maxImageConfigSize, parseImageConfig, platformOf } from "../../oci/image-config.ts";
import { type Index, isIndex, type Manifest, parseManifestOrIndex } from "../../oci/manifest.ts";
import { fullName, fullString, type Reference } from "../../oci/reference.ts";
import type { Cli } from "../cli.ts";
import { StatusError } from "../exit.ts";
import { authForImage } from "../registry-auth.ts";
import { type ManifestEntry, makeEntry } from "./entry.ts";

/** Speaks to registries without a daemon, as `docker manifest` does. */
export class ManifestRegistry {
  readonly #cli: Cli;
  readonly #insecure: boolean;

  constructor(cli: Cli, insecure: boolean) {
    this.#cli = cli;
    this.#insecure = insecure;
  }

  async #open(reference: Reference, access: "pull" | "pull,push", mountFrom: string[] = []) {
    const transport: RegistryTransport = createTransport({
      userAgent: `docker/${dockerRelease} longshore`,
      insecureRegistries: this.#insecure ? [reference.domain] : [],
    });
    const credentials = authForImage(this.#cli.config, fullName(reference)) as Credentials;
    return Repository.open(transport, reference, { credentials, access, mountFrom });
  }

  /** One manifest, or those of a list. Throws `notFound`: `no such manifest: …`. */
  async fetch(
    reference: Reference,
  ): Promise<ManifestEntry | { list: Index; entries: () => Promise<ManifestEntry[]> }> {
    const repository = await this.#open(reference, "pull");
    try {
      return await repository.first(async (client) => {
        const found = await client.manifest(reference.digest ?? reference.tag ?? "latest");
        const document = parseManifestOrIndex(found.bytes, found.mediaType);
        if (!isIndex(document)) return entryOf(client, fullString(reference), found, document);
        return { list: document, entries: () => entriesOf(client, reference, document) };
      });
    } catch (error) {
      const missing = error instanceof RegistryError && (error.status === 404 || error.status === 401);
      if (missing) throw notFound(`no such manifest: ${fullString(reference)}`, error);
      throw told(error);
    }
  }

  /** Puts the manifests that other repositories have into that of `target`, then the list. Resolves to its digest. */
  async push(
    target: Reference,
    entries: readonly { entry: ManifestEntry; source: Reference }[],
    list: { bytes: Uint8Array; mediaType: string },
    onPushed: (digest: Digest) => void,
  ): Promise<void> {
    const foreign = entries.filter(({ source }) => source.path !== target.path);
    const mountFrom = [...new Set(foreign.map(({ source }) => source.path))];
    const repository = await this.#open(target, "pull,push", mountFrom);
    try {
      await repository.first(async (client) => {
        for (const { entry, source } of foreign) {
          await mountAll(client, entry, source.path);
          const bytes = Buffer.from(entry.Raw, "base64");
          await putManifest(client, entry.Descriptor.digest, {
            bytes,
            mediaType: entry.Descriptor.mediaType,
          });
          onPushed(entry.Descriptor.digest);
        }
        await putManifest(client, target.tag ?? "latest", list);
      });
    } catch (error) {
      throw told(error);
    }
  }
}

/** What goes wrong with a registry, in the words of Docker's client, which asks for `/v2/` before anything else. */
function told(error: unknown): unknown {
  if (error instanceof RegistryError) return new StatusError(1, error.message, { cause: error });
  if (!isEngineError(error, "unavailable") || !/^Get "[^"]*\/v2\/": /.test(error.message)) return error;
  return unavailable(`failed to configure transport: error pinging v2 registry: ${error.message}`, error);
}

async function entryOf(
  client: RegistryClient,
  ref: string,
  found: FetchedManifest,
  parsed: Manifest,
): Promise<ManifestEntry> {
  const { stream } = await client.blob(parsed.config.digest, 0);
  const config = await readBounded(new Response(stream), maxImageConfigSize);
  const { bytes, digest } = found;
  return makeEntry(
    ref,
    { bytes, digest, mediaType: parsed.mediaType, parsed },
    platformOf(parseImageConfig(config)),
  );
}

/** Each manifest of a list, by digest, with the platform that the list says. */
async function entriesOf(client: RegistryClient, list: Reference, index: Index): Promise<ManifestEntry[]> {
  const entries: ManifestEntry[] = [];
  for (const { digest, mediaType, platform } of index.manifests) {
    const found = await client.manifest(digest);
    const parsed = parseManifestOrIndex(found.bytes, mediaType);
    if (isIndex(parsed)) throw new StatusError(1, `${fullString(list)}@${digest} is a manifest list`);
    const ref = fullString({ ...list, digest });
    const unknown = { os: "", architecture: "" };
    entries.push(makeEntry(ref, { bytes: found.bytes, digest, mediaType, parsed }, platform ?? unknown));
  }
  return entries;
}

async function mountAll(client: RegistryClient, entry: ManifestEntry, from: string): Promise<void> {
  const manifest = parseManifestOrIndex(Buffer.from(entry.Raw, "base64"), entry.Descriptor.mediaType);
  if (isIndex(manifest)) return;
  for (const { digest } of [manifest.config, ...manifest.layers]) {
    if (await client.hasBlob(digest)) continue;
    const upload = await startUpload(client, { digest, from });
    if (upload !== undefined) {
      await client.send("DELETE", upload);
      throw new StatusError(1, `the registry cannot take over ${digest} from ${from}`);
    }
  }
}
