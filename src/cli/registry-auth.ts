import type { AuthConfig } from "../api/images.ts";
import { isEngineError } from "../base/errors.ts";
import { parseReference } from "../oci/reference.ts";
import type { ConfigFile, StoredAuth } from "./config-file.ts";
import { CredentialHelper } from "./credential-helper.ts";

/** Under which Docker Hub's credentials are kept. */
export const hubServer = "https://index.docker.io/v1/";

/** `host[:port]` of a registry's address as people write it. */
export const hostOf = (server: string) => server.replace(/^https?:\/\//, "").split("/", 1)[0] ?? "";

/** The name under which an image's registry has its credentials. */
export function serverOf(image: string): string {
  const { domain } = parseReference(image);
  return domain === "docker.io" ? hubServer : domain;
}

/**
 * Credentials for the registry of `image`: from its helper, the store, or config.json itself; empty when none are
 * known.
 */
export function authForImage(config: ConfigFile, image: string): AuthConfig {
  return optionalAuth(config, serverOf(image));
}

/** Like `authForServer`; of a helper that fails only a warning is made. */
export function optionalAuth(config: ConfigFile, server: string): AuthConfig {
  return orNothing({}, () => authForServer(config, server));
}

/** A helper that fails keeps nobody from what needs no credentials. */
function orNothing<T>(nothing: T, ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    if (!isEngineError(error)) throw error;
    process.stderr.write(`WARNING: ${error.message}\n`);
    return nothing;
  }
}

/** The helper that keeps the credentials of `server`; undefined when config.json itself does. */
export function helperFor(config: ConfigFile, server: string): CredentialHelper | undefined {
  const name = config.credHelpers?.[hostOf(server)] ?? config.credHelpers?.[server] ?? config.credsStore;
  return name ? new CredentialHelper(name) : undefined;
}

/** Credentials for a registry by the name that it is kept under. */
export function authForServer(config: ConfigFile, server: string): AuthConfig {
  const helper = helperFor(config, server);
  if (helper) return helper.get(server) ?? {};
  const entries = Object.entries(config.auths ?? {});
  const found =
    entries.find(([name]) => name === server) ?? entries.find(([name]) => hostOf(name) === hostOf(server));
  if (!found) return {};
  const [name, stored] = found;
  if (stored.identitytoken) return { identitytoken: stored.identitytoken, serveraddress: name };
  const [username = "", ...password] = Buffer.from(stored.auth ?? "", "base64")
    .toString()
    .replace(/\0+$/, "")
    .split(":");
  return username === "" ? {} : { username, password: password.join(":"), serveraddress: name };
}

/** All credentials that are known, by the name that each is kept under: a build may need any of them. */
export function allAuths(config: ConfigFile): Record<string, AuthConfig> {
  const stored = config.credsStore
    ? orNothing([], () => new CredentialHelper(config.credsStore ?? "").list())
    : [];
  const servers = new Set([
    ...Object.keys(config.auths ?? {}),
    ...Object.keys(config.credHelpers ?? {}),
    ...stored,
  ]);
  return Object.fromEntries([...servers].map((server) => [server, optionalAuth(config, server)]));
}

/** Credentials as config.json holds them, where no helper does. */
export function storedAuth(auth: AuthConfig): StoredAuth {
  const pair = `${auth.username ?? ""}:${auth.password ?? ""}`;
  return {
    ...(auth.username && { auth: Buffer.from(pair).toString("base64") }),
    ...(auth.identitytoken && { identitytoken: auth.identitytoken }),
  };
}
