import { KeyedQueue } from "../../base/async.ts";
import { isEngineError, messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { algorithmOf, type Digest, isDigest } from "../../oci/digest.ts";
import { digestLike, sha256Of } from "../../oci/digester.ts";
import { maxManifestSize } from "../../oci/manifest.ts";
import { blobUnknown } from "../blobs.ts";
import { RegistryError } from "../errors.ts";
import type { StoredManifest } from "../manifests.ts";
import type { RegistryStore } from "../store.ts";
import { Upstream, type UpstreamOptions } from "./upstream.ts";

/** A blob on its way from an upstream, of `size` bytes when that was told. */
export interface PassingBlob {
  size: number | undefined;
  /** Reads it to its end while keeping a copy; each piece is also given to `tell`. */
  pass(tell: (piece: Uint8Array) => Promise<void>): Promise<void>;
}

/** The part of the names that an upstream serves. */
export class Mirror {
  readonly #upstream: Upstream;
  readonly #store: RegistryStore;
  readonly #log: Logger;
  /** When a tag was last found to be what is here. Another instance asks on its own: that costs one HEAD. */
  readonly #fresh = new Map<string, number>();
  readonly #fetching = new KeyedQueue();

  constructor(upstream: Upstream, store: RegistryStore, log: Logger) {
    this.#upstream = upstream;
    this.#store = store;
    this.#log = log;
  }

  /** What somebody's log-in fetches is only for those who have one here. */
  isOpenTo(account: string | undefined): boolean {
    return account !== undefined || this.#upstream.options.username === undefined;
  }

  #remoteName(name: string): string {
    const { prefix } = this.#upstream.options;
    return prefix === "" ? name : name.slice(prefix.length + 1);
  }

  /** The upstream's manifest, or the one that is here when the upstream is gone. Throws MANIFEST_UNKNOWN. */
  manifest(name: string, reference: string): Promise<StoredManifest> {
    return this.#fetching.run(`${name}:${reference}`, () => this.#manifest(name, reference));
  }

  async #manifest(name: string, reference: string): Promise<StoredManifest> {
    const here = await this.#store.manifests.get(name, reference).catch(ignoreUnknown);
    if (here && (isDigest(reference) || this.#isFresh(name, reference))) return here;
    try {
      return await this.#current(name, reference, here);
    } catch (error) {
      if (!here || !isEngineError(error, "unavailable")) throw error;
      this.#log.warn("the upstream is gone: serving what is here", {
        name,
        reference,
        error: messageOf(error),
      });
      return here;
    }
  }

  #isFresh(name: string, tag: string): boolean {
    const at = this.#fresh.get(`${name}:${tag}`);
    return at !== undefined && Date.now() - at < this.#upstream.options.freshMillis;
  }

  async #current(name: string, reference: string, here: StoredManifest | undefined): Promise<StoredManifest> {
    const remote = this.#remoteName(name);
    if (here) {
      // A HEAD costs none of Docker Hub's pulls.
      const head = await this.#upstream.manifest("HEAD", remote, reference);
      if (head.ok && head.headers.get("docker-content-digest") === here.digest) {
        this.#keepFresh(name, reference);
        return here;
      }
    }
    const answer = await this.#upstream.manifest("GET", remote, reference);
    if (!answer.ok) {
      await answer.body?.cancel();
      throw new RegistryError("MANIFEST_UNKNOWN", { details: [{ name, reference }] });
    }
    const bytes = await boundedBytes(answer, maxManifestSize);
    const digest = isDigest(reference) ? digestLike(reference, bytes) : sha256Of(bytes);
    const mediaType = answer.headers.get("content-type") ?? "";
    const isPrivate = !this.isOpenTo(undefined);
    await this.#store.manifests.put(name, reference, bytes, mediaType, { partial: true, isPrivate });
    this.#keepFresh(name, reference);
    return await this.#store.manifests.get(name, digest);
  }

  #keepFresh(name: string, reference: string): void {
    if (this.#fresh.size > 100_000) this.#fresh.clear();
    this.#fresh.set(`${name}:${reference}`, Date.now());
  }

  /** The size that the upstream tells of a blob that is not here. Throws BLOB_UNKNOWN. */
  async blobSize(name: string, digest: Digest): Promise<number> {
    const answer = await this.#upstream.blob("HEAD", this.#remoteName(name), digest);
    if (!answer.ok) throw blobUnknown(digest);
    return Number(answer.headers.get("content-length") ?? 0);
  }

  /** Begins to fetch a blob that is not here. Throws BLOB_UNKNOWN, `unavailable`. */
  async blob(name: string, digest: Digest): Promise<PassingBlob> {
    const answer = await this.#upstream.blob("GET", this.#remoteName(name), digest);
    const { body } = answer;
    if (!answer.ok || body === null) {
      await body?.cancel();
      throw blobUnknown(digest);
    }
    const length = answer.headers.get("content-length");
    const pass = (tell: (piece: Uint8Array) => Promise<void>) => this.#keep(name, digest, body, tell);
    return { size: length === null ? undefined : Number(length), pass };
  }

  async #keep(
    name: string,
    digest: Digest,
    body: ReadableStream<Uint8Array>,
    tell: (piece: Uint8Array) => Promise<void>,
  ): Promise<void> {
    const { uploads } = this.#store;
    const id = await uploads.start(name, algorithmOf(digest));
    try {
      await uploads.append(name, id, told(body, tell));
      await uploads.finish(name, id, digest);
    } catch (error) {
      await uploads.cancel(name, id).catch(() => {}); // `finish` may have dropped it already.
      throw error;
    }
  }

  /** Runs one task for a blob at a time: the second client finds what the first has fetched. */
  oneAtATime<T>(digest: Digest, task: () => Promise<T>): Promise<T> {
    return this.#fetching.run(digest, task);
  }
}

/** All upstreams of a registry. */
export class Mirrors {
  readonly #mirrors: readonly { prefix: string; mirror: Mirror }[];

  constructor(options: readonly UpstreamOptions[], store: RegistryStore, log: Logger) {
    this.#mirrors = options
      .map((one) => ({ prefix: one.prefix, mirror: new Mirror(new Upstream(one), store, log) }))
      .sort((a, b) => b.prefix.length - a.prefix.length);
  }

  /** The mirror that a name belongs to; undefined for the registry's own repositories. */
  of(name: string): Mirror | undefined {
    return this.#mirrors.find(({ prefix }) => prefix === "" || name.startsWith(`${prefix}/`))?.mirror;
  }
}

async function* told(
  body: ReadableStream<Uint8Array>,
  tell: (piece: Uint8Array) => Promise<void>,
): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    await tell(piece);
    yield piece;
  }
}

async function boundedBytes(answer: Response, limit: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of answer.body ?? []) {
    size += piece.length;
    if (size > limit) throw new RegistryError("TOO_LARGE", { details: [{ limit }] });
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function ignoreUnknown(error: unknown): undefined {
  if (error instanceof RegistryError && error.kind === "MANIFEST_UNKNOWN") return undefined;
  throw error;
}
