import { internal, unavailable } from "../base/errors.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { digestLike, sha256Of } from "../oci/digester.ts";
import { type Descriptor, maxManifestSize } from "../oci/manifest.ts";
import { manifestAccept } from "../oci/media-types.ts";
import { Authorizer } from "./authorizer.ts";
import type { Credentials } from "./credentials.ts";
import type { Endpoint } from "./endpoints.ts";
import type { HttpClient, HttpRequest, Method } from "./http.ts";
import { type Quota, quotaOf } from "./quota.ts";
import { readBounded, readRegistryError } from "./registry-error.ts";

/** A manifest as it came, verified when it was asked for by digest. */
export interface FetchedManifest {
  bytes: Uint8Array;
  mediaType: string;
  digest: Digest;
}

/** The body of a blob from `offset` on. */
export interface BlobBody {
  /** Where `stream` begins: less than what was asked for when the server cannot begin in the middle. */
  offset: number;
  stream: ReadableStream<Uint8Array>;
}

export type Access = "pull" | "pull,push";

/**
 * One repository at one endpoint (OCI distribution specification 1.1). Throws `RegistryError` for what the registry
 * answers, `unavailable` when it does not answer, `cancelled`.
 */
export class RegistryClient {
  readonly endpoint: Endpoint;
  readonly repository: string;
  readonly #authorizer: Authorizer;
  #quota: Quota | undefined;

  constructor(options: {
    http: HttpClient;
    endpoint: Endpoint;
    repository: string;
    credentials: Credentials;
    access: Access;
    /** Repositories that blobs may be mounted from, which needs a token for them too. */
    mountFrom?: readonly string[];
  }) {
    const { http, endpoint, repository, access } = options;
    this.endpoint = endpoint;
    this.repository = repository;
    this.#authorizer = new Authorizer({
      http,
      registry: endpoint.url,
      // Credentials are the registry's; a mirror that somebody else runs must not see them.
      credentials: endpoint.mirror ? {} : options.credentials,
      tls: endpoint.tls,
      scopes: [
        `repository:${repository}:${access}`,
        ...(options.mountFrom ?? []).map((name) => `repository:${name}:pull`),
      ],
    });
  }

  /** What the last answer about a manifest said. */
  get quota(): Quota | undefined {
    return this.#quota;
  }

  /** The URL of `path` in this repository. */
  url(path: string): URL {
    return new URL(`/v2/${this.repository}/${path}`, this.endpoint.url);
  }

  /** Sends with the credentials that the registry asks for. */
  send(method: Method, url: URL, rest: Omit<HttpRequest, "method" | "url" | "tls"> = {}): Promise<Response> {
    return this.#authorizer.request({ method, url, ...rest });
  }

  /** What a tag (or digest) points to, without its content; undefined when the registry does not say it all. */
  async head(reference: string, signal?: AbortSignal): Promise<Descriptor | undefined> {
    const response = await this.#askManifest("HEAD", reference, signal);
    const digest = response.headers.get("docker-content-digest") ?? "";
    const size = Number(response.headers.get("content-length") ?? Number.NaN);
    const mediaType = mediaTypeOf(response);
    if (!isDigest(digest) || !Number.isSafeInteger(size) || mediaType === "") return undefined;
    return { mediaType, digest, size };
  }

  /** The manifest or index with this tag or digest. */
  async manifest(reference: string, signal?: AbortSignal): Promise<FetchedManifest> {
    const response = await this.#askManifest("GET", reference, signal);
    const bytes = await readBounded(response, maxManifestSize + 1);
    if (bytes.byteLength > maxManifestSize)
      throw internal(`manifest is larger than ${maxManifestSize} bytes`);
    if (!isDigest(reference)) return { bytes, mediaType: mediaTypeOf(response), digest: sha256Of(bytes) };
    if (digestLike(reference, bytes) !== reference) {
      throw internal(`manifest verification failed for digest ${reference}`);
    }
    return { bytes, mediaType: mediaTypeOf(response), digest: reference };
  }

  async #askManifest(method: "GET" | "HEAD", reference: string, signal?: AbortSignal): Promise<Response> {
    const headers = { accept: manifestAccept.join(", ") };
    const response = await this.send(method, this.url(`manifests/${reference}`), { headers, signal });
    this.#quota = quotaOf(response.headers) ?? this.#quota;
    if (response.ok) return response;
    throw await readRegistryError(response, "manifest unknown");
  }

  /**
   * The blob from `offset` (in bytes) on. A server that does not know ranges sends all of it; the answer says where it
   * begins. Whoever calls reads or cancels the stream, counts its bytes, and verifies it.
   */
  async blob(digest: Digest, offset: number, signal?: AbortSignal): Promise<BlobBody> {
    const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
    const request = { headers, signal, large: true };
    const response = await this.send("GET", this.url(`blobs/${digest}`), request);
    return (await blobAnswer(response, offset)) ?? this.blob(digest, 0, signal);
  }

  /** Whether the registry has the blob here. */
  async hasBlob(digest: Digest, signal?: AbortSignal): Promise<boolean> {
    const response = await this.send("HEAD", this.url(`blobs/${digest}`), { signal });
    if (response.ok) return true;
    const error = await readRegistryError(response, "blob unknown");
    if (error.status === 404) return false;
    throw error;
  }
}

/** What is at any address, from `offset` on. */
export async function blobAt(
  http: HttpClient,
  url: URL,
  offset: number,
  signal?: AbortSignal,
): Promise<BlobBody> {
  const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
  const response = await http.request({ method: "GET", url, headers, signal, large: true });
  return (await blobAnswer(response, offset)) ?? blobAt(http, url, 0, signal);
}

/** The blob that an answer brings; undefined when it has to be asked for from its start. */
async function blobAnswer(response: Response, offset: number): Promise<BlobBody | undefined> {
  if (response.status === 416 && offset > 0) {
    await response.body?.cancel();
    return undefined;
  }
  if (!response.ok) throw await readRegistryError(response, "blob unknown");
  if (response.body === null) throw unavailable("the answer with a blob is empty");
  return { offset: startOf(response), stream: response.body };
}

function mediaTypeOf(response: Response): string {
  return response.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** Where the body of an answer begins (RFC 9110 section 14.4). */
function startOf(response: Response): number {
  if (response.status !== 206) return 0;
  const match = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "");
  if (match) return Number(match[1]);
  throw unavailable("the registry sent a part of a blob without saying which");
}
