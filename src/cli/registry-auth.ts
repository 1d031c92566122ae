import type { AuthConfig } from "../api/images.ts";
import { internal } from "../base/errors.ts";
import { parseReference } from "../oci/reference.ts";
import type { ConfigFile } from "./config-file.ts";

/** Under which Docker Hub's credentials are kept. */
export const hubServer = "https://index.docker.io/v1/";

const hostOf = (server: string) => server.replace(/^https?:\/\//, "").split("/", 1)[0] ?? "";

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
  return authForServer(config, serverOf(image));
}

/** Credentials for a registry by the name that it is kept under. */
export function authForServer(config: ConfigFile, server: string): AuthConfig {
  const helper = config.credHelpers?.[hostOf(server)] ?? config.credHelpers?.[server] ?? config.credsStore;
  if (helper) return fromHelper(helper, server) ?? {};
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

/** Asks `docker-credential-NAME get`, by the protocol of docker-credential-helpers. */
function fromHelper(name: string, server: string): AuthConfig | undefined {
  const program = `docker-credential-${name}`;
  let result: ReturnType<typeof Bun.spawnSync>;
  try {
    result = Bun.spawnSync([program, "get"], { stdin: Buffer.from(server), stdout: "pipe", stderr: "pipe" });
  } catch (error) {
    throw internal(
      `error getting credentials - err: exec: "${program}": executable file not found in $PATH, out: \`\``,
      error,
    );
  }
  const out = result.stdout?.toString().trim() ?? "";
  if (result.exitCode !== 0) {
    if (/credentials not found in native keychain/.test(out)) return undefined;
    throw internal(`error getting credentials - err: exit status ${result.exitCode}, out: \`${out}\``);
  }
  const answer = JSON.parse(out) as { Username?: string; Secret?: string; ServerURL?: string };
  const serveraddress = answer.ServerURL || server;
  if (answer.Username === "<token>") return { identitytoken: answer.Secret ?? "", serveraddress };
  return { username: answer.Username ?? "", password: answer.Secret ?? "", serveraddress };
}
