import { invalidArgument, unauthorized } from "../base/errors.ts";
import { defaultDomain } from "../oci/reference.ts";
import { Authorizer } from "./authorizer.ts";
import type { Credentials } from "./credentials.ts";
import { type Endpoint, hubEndpoint, hubIndexServer } from "./endpoints.ts";
import { firstEndpoint } from "./first-endpoint.ts";
import { redactUrl } from "./network-error.ts";
import { registryFailure } from "./pull-error.ts";
import { RegistryError } from "./registry-error.ts";
import type { RegistryTransport } from "./transport.ts";

export interface LoginResult {
  /** A refresh token that is stored instead of the password, or empty when the registry gives none. */
  identityToken: string;
}

/**
 * Checks `credentials` with the registry at their `serveraddress` (Docker Hub where it is empty). Throws `unauthorized`
 * when it refuses them, in Docker's words, and `unavailable` when it does not answer.
 */
export async function login(
  transport: RegistryTransport,
  credentials: Credentials,
  signal?: AbortSignal,
): Promise<LoginResult> {
  const endpoints = await transport.registries.endpoints(domainOf(credentials.serveraddress));
  return firstEndpoint(transport, endpoints, (endpoint) => loginAt(transport, endpoint, credentials, signal));
}

/**
 * The registry's host from what users and clients write: `https://index.docker.io/v1/`, `host:port`,
 * `https://host/v2/`.
 */
function domainOf(address = ""): string {
  if (address === "" || address === hubIndexServer) return defaultDomain;
  const text = /^https?:\/\//i.test(address) ? address : `https://${address}`;
  if (!URL.canParse(text)) throw invalidArgument(`invalid registry address: ${address}`);
  const { host } = new URL(text);
  const hub = [defaultDomain, new URL(hubIndexServer).host, new URL(hubEndpoint).host];
  return hub.includes(host) ? defaultDomain : host;
}

async function loginAt(
  transport: RegistryTransport,
  endpoint: Endpoint,
  credentials: Credentials,
  signal: AbortSignal | undefined,
): Promise<LoginResult> {
  const { http } = transport;
  const url = new URL("/v2/", endpoint.url);
  const authorizer = new Authorizer({
    http,
    registry: endpoint.url,
    credentials,
    scopes: [],
    tls: endpoint.tls,
    offline: true,
  });
  try {
    const response = await authorizer.request({ method: "GET", url, signal });
    await response.body?.cancel();
    if (!response.ok) {
      const status = `${response.status} ${response.statusText}`;
      throw unauthorized(`login attempt to ${redactUrl(url)} failed with status: ${status}`);
    }
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    if (error.status === 401) throw unauthorized(`Get "${redactUrl(url)}": ${error.message}`, error);
    throw registryFailure(error);
  }
  return { identityToken: authorizer.refreshToken ?? "" };
}
