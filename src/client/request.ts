import type { Operation, Param } from "../api/operation.ts";
import type { OperationId } from "../api/operations.ts";
import { versionAtLeast } from "../api/version.ts";
import { invalidArgument } from "../base/errors.ts";

/** The parts of a call, without the types of its operation. */
export interface AnyCall {
  params?: Readonly<Record<string, string>> | undefined;
  query?: Readonly<Record<string, unknown>> | undefined;
  body?: unknown;
  headers?: Readonly<Record<string, string>> | undefined;
  registryAuth?: object | string | undefined;
  signal?: AbortSignal | undefined;
}

/** Path and query of a call: `/v1.47/containers/abc/json?size=1`. Throws when the daemon's version lacks something. */
export function targetOf(id: OperationId, operation: Operation, call: AnyCall, version: string): string {
  if (operation.since !== undefined && !versionAtLeast(version, operation.since)) {
    throw invalidArgument(requires(id, operation.since, version));
  }
  const path = operation.path.replace(/\{(\w+)(?::\.\*)?\}/g, (_, name: string) =>
    encodePath(call.params?.[name] ?? "", operation.path),
  );
  const query = encodeQuery(operation, call.query ?? {}, version);
  return `/v${version}${path}${query === "" ? "" : `?${query}`}`;
}

const requires = (what: string, since: string, version: string): string =>
  `${JSON.stringify(what)} requires API version ${since}, but the Docker daemon API version is ${version}`;

/** Percent-encoded, but for the slashes and colons of image names. Dot segments would change the path. */
function encodePath(text: string, path: string): string {
  const noun = /^\/(container|network|volume)s\//.exec(path)?.[1];
  if (text === "" && noun) throw invalidArgument(`invalid ${noun} name or ID: value is empty`);
  if (text === "" || text.split("/").some((part) => part === "." || part === "..")) {
    throw invalidArgument(`invalid name: ${JSON.stringify(text)}`);
  }
  return encodeURIComponent(text).replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%40", "@");
}

function encodeQuery(
  operation: Operation,
  query: Readonly<Record<string, unknown>>,
  version: string,
): string {
  const pairs: string[] = [];
  for (const [name, param] of Object.entries(operation.query)) {
    const values = encodeParam(param, query[name]);
    if (values.length === 0) continue;
    if (param.since !== undefined && !versionAtLeast(version, param.since)) {
      throw invalidArgument(requires(name, param.since, version));
    }
    for (const value of values) pairs.push(`${name}=${encodeURIComponent(value)}`);
  }
  return pairs.join("&");
}

/** The values to send: none for what is absent or the default. */
function encodeParam(param: Param, value: unknown): string[] {
  if (value === undefined || value === param.byDefault) return [];
  switch (param.kind) {
    case "bool":
      return [value ? "1" : "0"];
    case "strings":
      return value as string[];
    case "filters": {
      const entries = Object.entries(value as Record<string, string[]>);
      if (entries.length === 0) return [];
      const sets = entries.map(([key, items]) => [
        key,
        Object.fromEntries(items.map((item) => [item, true])),
      ]);
      return [JSON.stringify(Object.fromEntries(sets))];
    }
    case "json":
      return [JSON.stringify(value)];
    default:
      return [String(value)];
  }
}

/** `X-Registry-Auth` for credentials. */
export function encodeRegistryAuth(auth: object | string): string {
  return typeof auth === "string" ? auth : Buffer.from(JSON.stringify(auth)).toString("base64url");
}
