import { invalidArgument, messageOf } from "../base/errors.ts";

/** What a client sends to log in to a registry (Engine API, `AuthConfig`). */
export interface Credentials {
  username?: string;
  password?: string;
  /** A refresh token of the registry's token server; used instead of the password. */
  identitytoken?: string;
  /** A bearer token that is sent to the registry as it is. */
  registrytoken?: string;
  serveraddress?: string;
}

const names = ["username", "password", "identitytoken", "registrytoken", "serveraddress"] as const;
/** More than any header that a server takes. */
const maxHeaderLength = 64 * 1024;

/** Picks the fields out of a decoded JSON object; `auth` (base64 of `user:password`) counts as both. */
export function credentialsFrom(value: unknown): Credentials {
  const result: Credentials = {};
  if (typeof value !== "object" || value === null) return result;
  const fields = new Map(Object.entries(value).map(([key, field]) => [key.toLowerCase(), field]));
  for (const name of names) {
    const field = fields.get(name);
    if (typeof field === "string" && field !== "") result[name] = field;
  }
  const auth = fields.get("auth");
  if (result.username === undefined && typeof auth === "string" && auth !== "") {
    const text = Buffer.from(auth, "base64").toString();
    const colon = text.indexOf(":");
    if (colon > 0) {
      result.username = text.slice(0, colon);
      result.password = text.slice(colon + 1);
    }
  }
  return result;
}

function decodeJson(header: string, name: string): unknown {
  if (header.length > maxHeaderLength) throw invalidArgument(`invalid ${name} header: too long`);
  // Clients differ in the alphabet and the padding; Node's decoder takes all of them.
  const text = Buffer.from(header, "base64url").toString();
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch (error) {
    throw invalidArgument(`invalid ${name} header: ${messageOf(error)}`, error);
  }
}

/**
 * Decodes the header `X-Registry-Auth`: base64url of an `AuthConfig`. An absent or empty one means no credentials.
 * Throws `invalidArgument` when it is not of that form.
 */
export function decodeRegistryAuth(header: string | undefined): Credentials {
  return header === undefined ? {} : credentialsFrom(decodeJson(header, "X-Registry-Auth"));
}

/** Decodes `X-Registry-Config`, which `build` sends: base64url of a map from server address to `AuthConfig`. */
export function decodeRegistryConfig(header: string | undefined): Map<string, Credentials> {
  const value = header === undefined ? {} : decodeJson(header, "X-Registry-Config");
  if (typeof value !== "object" || value === null) return new Map();
  return new Map(Object.entries(value).map(([server, auth]) => [server, credentialsFrom(auth)]));
}

/** What `decodeRegistryAuth` reads. */
export function encodeRegistryAuth(credentials: Credentials): string {
  return Buffer.from(JSON.stringify(credentials)).toString("base64url");
}

/** The value of an `Authorization` header, or undefined when there is no user name and password. */
export function basicAuthorization(credentials: Credentials): string | undefined {
  if (credentials.username === undefined || credentials.password === undefined) return undefined;
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64")}`;
}
