import { isRepositoryPath } from "../oci/reference.ts";
import type { Action } from "./auth/identity.ts";
import { RegistryError } from "./errors.ts";
import { deleteBlob, getBlob } from "./handlers/blobs.ts";
import { catalog, deleteRepository, listReferrers, listTags, ping } from "./handlers/discovery.ts";
import { deleteManifest, getManifest, putManifest } from "./handlers/manifests.ts";
import { appendChunk, cancelUpload, finishUpload, startUpload, uploadStatus } from "./handlers/uploads.ts";
import type { Exchange } from "./http.ts";

type Params<Key extends string> = Record<Key, string>;
type Handler<Key extends string> = (exchange: Exchange, params: Params<Key>) => Promise<void>;
/** A request's handler with its parameters, and what whoever calls it must be allowed. */
export interface Call {
  run(exchange: Exchange): Promise<void>;
  /** Undefined for what does not belong to one repository. */
  needs: { repository: string; action: Action } | undefined;
}
type Match = (path: string, method: string) => Call | undefined;

/** One resource: its path, the named parts of which are `keys`, and what its methods do. */
function resource<Key extends string>(
  pattern: RegExp,
  keys: readonly Key[],
  methods: Readonly<Record<string, Handler<Key>>>,
): Match {
  return (path, method) => {
    const groups = pattern.exec(path)?.groups;
    if (!groups && !pattern.test(path)) return undefined;
    const params = Object.fromEntries(keys.map((key) => [key, decode(groups?.[key] ?? "")])) as Params<Key>;
    const { name } = params as Partial<Record<string, string>>;
    if (name !== undefined && !isRepositoryPath(name)) {
      throw new RegistryError("NAME_INVALID", { details: [{ name }] });
    }
    const handler = methods[method];
    if (!handler) {
      throw new RegistryError("METHOD", { headers: { Allow: Object.keys(methods).join(", ") } });
    }
    const needs = name === undefined ? undefined : { repository: name, action: actionOf(method, keys) };
    return { run: (exchange) => handler(exchange, params), needs };
  };
}

/** To cancel an upload is part of a push. */
function actionOf(method: string, keys: readonly string[]): Action {
  if (method === "GET" || method === "HEAD") return keys.includes("id") ? "push" : "pull";
  return method === "DELETE" && !keys.includes("id") ? "delete" : "push";
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw new RegistryError("NAME_INVALID", { cause });
  }
}

/**
 * The endpoints (OCI distribution-spec 1.1, "Endpoints"). A repository's name may have slashes, so that a path is
 * read from its end; uploads come before blobs, since `uploads` stands where a digest does.
 */
const resources: readonly Match[] = [
  resource(/^\/v2\/?$/, [], { GET: ping, HEAD: ping }),
  resource(/^\/v2\/_catalog$/, [], { GET: catalog }),
  resource(/^\/v2\/(?<name>.+)\/tags\/list$/, ["name"], { GET: listTags }),
  resource(/^\/v2\/(?<name>.+)\/blobs\/uploads\/?$/, ["name"], { POST: startUpload }),
  resource(/^\/v2\/(?<name>.+)\/blobs\/uploads\/(?<id>[^/]+)$/, ["name", "id"], {
    GET: uploadStatus,
    PATCH: appendChunk,
    PUT: finishUpload,
    DELETE: cancelUpload,
  }),
  resource(/^\/v2\/(?<name>.+)\/blobs\/(?<digest>[^/]+)$/, ["name", "digest"], {
    GET: getBlob,
    HEAD: getBlob,
    DELETE: deleteBlob,
  }),
  resource(/^\/v2\/(?<name>.+)\/manifests\/(?<reference>[^/]+)$/, ["name", "reference"], {
    GET: getManifest,
    HEAD: getManifest,
    PUT: putManifest,
    DELETE: deleteManifest,
  }),
  // Not in the specification; the path is that of Docker's first registry.
  resource(/^\/v1\/repositories\/(?<name>.+?)\/?$/, ["name"], { DELETE: deleteRepository }),
  resource(/^\/v2\/(?<name>.+)\/referrers\/(?<digest>[^/]+)$/, ["name", "digest"], { GET: listReferrers }),
];

/** The part of the registry that a path belongs to, as Docker's registry names it in its metrics. */
export function handlerOf(path: string): string {
  if (!path.startsWith("/v2/") && path !== "/v2") return path.startsWith("/assets/") ? "asset" : "page";
  if (/\/blobs\/uploads\/?$/.test(path)) return "blob_upload";
  if (/\/blobs\/uploads\/[^/]+$/.test(path)) return "blob_upload_chunk";
  const [, kind] = /\/(blobs|manifests|tags|referrers)\/[^/]+$/.exec(path) ?? [];
  if (kind !== undefined) return kind.endsWith("s") && kind !== "tags" ? kind.slice(0, -1) : kind;
  return path === "/v2/_catalog" ? "catalog" : "base";
}

/**
 * What answers `method` on `path`. Throws NAME_INVALID, METHOD (405), NAME_UNKNOWN (404) when there is nothing there.
 */
export function route(path: string, method: string): Call {
  for (const match of resources) {
    const call = match(path, method);
    if (call) return call;
  }
  throw new RegistryError("NAME_UNKNOWN", { message: "there is nothing here; the registry is below /v2/" });
}
