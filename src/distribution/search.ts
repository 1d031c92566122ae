import { internal, invalidArgument } from "../base/errors.ts";
import { Fields, isObject, type JsonObject } from "../oci/json.ts";
import { defaultDomain, parseReference } from "../oci/reference.ts";
import { Authorizer } from "./authorizer.ts";
import type { Credentials } from "./credentials.ts";
import { type Endpoint, hubIndexServer } from "./endpoints.ts";
import { firstEndpoint } from "./first-endpoint.ts";
import { registryFailure } from "./pull-error.ts";
import { RegistryError, readBounded, readRegistryError } from "./registry-error.ts";
import type { RegistryTransport } from "./transport.ts";

/** One repository that was found. */
export interface SearchResult {
  name: string;
  description: string;
  starCount: number;
  isOfficial: boolean;
  isAutomated: boolean;
}

export interface SearchRequest {
  /** A word, or a word behind a registry's host: `quay.io/postgres`. */
  term: string;
  /** 1 to 100; 25 where not given. */
  limit?: number;
  credentials?: Credentials;
  signal?: AbortSignal;
}

const maxAnswer = 4 * 1024 * 1024;

/**
 * Searches Docker Hub, or a registry that has its search (`GET /v1/search`). Throws `invalidArgument`, and as a pull
 * does.
 */
export async function search(transport: RegistryTransport, request: SearchRequest): Promise<SearchResult[]> {
  const { limit = 25, signal } = request;
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) {
    throw invalidArgument(`Limit ${limit} is outside the range of [1, 100]`);
  }
  const { domain, term } = splitTerm(request.term);
  const query = new URLSearchParams({ q: term, n: String(limit) });
  const credentials = request.credentials ?? {};
  const hub: Endpoint = { url: new URL(hubIndexServer), mirror: false, tls: undefined };
  const endpoints = domain === defaultDomain ? [hub] : await transport.registries.endpoints(domain);
  try {
    const results = await firstEndpoint(transport, endpoints, async (endpoint) => {
      const { url: registry, tls } = endpoint;
      const authorizer = new Authorizer({ http: transport.http, registry, credentials, scopes: [], tls });
      const url = new URL(`/v1/search?${query}`, registry);
      const response = await authorizer.request({ method: "GET", url, signal });
      if (!response.ok) throw await readRegistryError(response, "name unknown");
      return parseAnswer(await readBounded(response, maxAnswer));
    });
    return results.slice(0, limit);
  } catch (error) {
    throw error instanceof RegistryError ? registryFailure(error) : error;
  }
}

function splitTerm(text: string): { domain: string; term: string } {
  if (text.includes("://"))
    throw invalidArgument(`invalid repository name: repository name (${text}) should not have a scheme`);
  const slash = text.indexOf("/");
  if (slash < 0) return { domain: defaultDomain, term: text };
  const { domain } = parseReference(`${text.slice(0, slash)}/x`);
  return domain === defaultDomain
    ? { domain, term: text.replace(/^(?:index\.)?docker\.io\//, "").replace(/^library\//, "") }
    : { domain, term: text.slice(slash + 1) };
}

function parseAnswer(body: Uint8Array): SearchResult[] {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString());
  } catch (error) {
    throw internal("the answer to the search is not JSON", error);
  }
  const results = isObject(value) ? new Fields(value, "search result").objects("results", 1000) : undefined;
  return (results ?? []).map(toResult);
}

function toResult(object: JsonObject): SearchResult {
  const fields = new Fields(object, "search result");
  return {
    name: fields.string("name") ?? "",
    description: fields.string("description") ?? "",
    starCount: fields.integer("star_count") ?? 0,
    isOfficial: fields.boolean("is_official") ?? false,
    isAutomated: fields.boolean("is_automated") ?? false,
  };
}
