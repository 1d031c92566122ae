import { type Clock, systemClock } from "../base/clock.ts";
import { internal } from "../base/errors.ts";
import { isObject } from "../oci/json.ts";
import type { Challenge } from "./challenge.ts";
import { basicAuthorization, type Credentials } from "./credentials.ts";
import { type HttpClient, type HttpRequest, type TlsOptions, withoutClientCertificate } from "./http.ts";
import { redactUrl } from "./network-error.ts";
import { readBounded, readRegistryError } from "./registry-error.ts";

/** A bearer token, and when it has to be replaced (milliseconds since 1970). */
export interface Token {
  value: string;
  expiresAt: number;
  /** A refresh token, when the server gives one: `docker login` stores it instead of the password. */
  refreshToken: string | undefined;
}

const maxTokenBody = 1024 * 1024;
const clientId = "docker";
/** What the token specification says where a server says nothing. */
const defaultLifetime = 60;

export interface TokenRequest {
  /** The registry that asks for a token; TLS settings hold for a token server on the same host. */
  registry: URL;
  challenge: Challenge;
  scopes: readonly string[];
  credentials: Credentials;
  tls?: TlsOptions | undefined;
  signal?: AbortSignal | undefined;
  /** Asks for a refresh token too. */
  offline?: boolean;
  clock?: Clock;
}

/**
 * Gets a token from the server that `challenge` names: with a refresh token by OAuth 2, else by GET with the user's
 * password or anonymously (distribution specification, "Token Authentication"). Throws `RegistryError` when it is
 * refused.
 */
export async function fetchToken(http: HttpClient, request: TokenRequest): Promise<Token> {
  const realm = realmOf(request);
  const response = await http.request({
    ...(request.credentials.identitytoken === undefined
      ? byPassword(realm, request)
      : byRefresh(realm, request)),
    signal: request.signal,
    tls: realm.host === request.registry.host ? request.tls : withoutClientCertificate(request.tls),
  });
  if (!response.ok) throw await readRegistryError(response, "unauthorized");
  return parseToken(await readBounded(response, maxTokenBody), realm, request.clock ?? systemClock);
}

function realmOf({ registry, challenge }: TokenRequest): URL {
  const text = challenge.parameters.realm;
  if (text === undefined || !URL.canParse(text)) {
    throw internal(`${redactUrl(registry)}: the registry names no token server`);
  }
  const realm = new URL(text);
  // Passwords go there: a registry behind TLS must not send us to a server without it.
  if (realm.protocol !== "https:" && !(realm.protocol === "http:" && registry.protocol === "http:")) {
    throw internal(`${redactUrl(registry)}: the token server ${redactUrl(realm)} is not secure`);
  }
  return realm;
}

function byPassword(realm: URL, request: TokenRequest): HttpRequest {
  const { challenge, scopes, credentials } = request;
  const url = new URL(realm);
  const service = challenge.parameters.service;
  if (service !== undefined) url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  const authorization = basicAuthorization(credentials);
  if (authorization === undefined) return { method: "GET", url };
  url.searchParams.set("account", credentials.username ?? "");
  if (request.offline) {
    url.searchParams.set("offline_token", "true");
    url.searchParams.set("client_id", clientId);
  }
  return { method: "GET", url, headers: { authorization } };
}

function byRefresh(realm: URL, { challenge, scopes, credentials }: TokenRequest): HttpRequest {
  const form = new URLSearchParams({
    grant_type: "refresh_token",
    client_id: clientId,
    refresh_token: credentials.identitytoken ?? "",
    service: challenge.parameters.service ?? "",
  });
  if (scopes.length > 0) form.set("scope", scopes.join(" "));
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  return { method: "POST", url: realm, headers, body: form.toString() };
}

function parseToken(body: Uint8Array, realm: URL, clock: Clock): Token {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString());
  } catch (error) {
    throw internal(`${redactUrl(realm)}: unable to decode token response`, error);
  }
  const fields = isObject(value) ? value : {};
  const token = [fields.token, fields.access_token].find((text) => typeof text === "string" && text !== "");
  if (typeof token !== "string")
    throw internal("authorization server did not include a token in the response");
  const lifetime = typeof fields.expires_in === "number" ? fields.expires_in : defaultLifetime;
  return {
    value: token,
    // A little earlier than the server's end, since the request still has to travel.
    expiresAt: clock.now() + Math.max(lifetime, defaultLifetime) * 1000 - 10_000,
    refreshToken: typeof fields.refresh_token === "string" ? fields.refresh_token : undefined,
  };
}
