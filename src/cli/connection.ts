import { errnoOf, invalidArgument, messageOf } from "../base/errors.ts";
import type { ClientTls } from "../client/client.ts";
import { readContext, tlsFolder } from "./context-store.ts";
import type { GlobalFlags } from "./globals.ts";
import { nodeFs, readText } from "./node-fs.ts";

/** Where the daemon is, and how to speak to it. */
export interface Endpoint {
  readonly host: string;
  readonly tls?: ClientTls;
}

const defaultHost = "unix:///var/run/docker.sock";

/** The name of the context in use: `--context`, DOCKER_HOST (which means `default`), DOCKER_CONTEXT, config.json. */
export function currentContext(flags: GlobalFlags, fromConfig: string | undefined): string {
  if (flags.context) return flags.context;
  if (flags.host.length > 0 || process.env.DOCKER_HOST) return "default";
  return process.env.DOCKER_CONTEXT || fromConfig || "default";
}

/** Completes an address as people write it: `:2375`, `host`, `unix://`. */
export function parseHost(text: string, tls: boolean): string {
  const port = tls ? 2376 : 2375;
  const trimmed = text.trim();
  if (trimmed === "") return tls ? `tcp://localhost:${port}` : defaultHost;
  const [scheme = "", rest = ""] = trimmed.includes("://") ? trimmed.split("://", 2) : ["tcp", trimmed];
  if (scheme === "unix") return rest === "" ? defaultHost : trimmed;
  if (scheme === "fd" || scheme === "npipe" || scheme === "ssh") return trimmed;
  if (scheme !== "tcp") throw invalidArgument(`invalid bind address format: ${text}`);
  const [address = "", ...path] = rest.split("/");
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(address);
  if (!match) throw invalidArgument(`invalid bind address format: ${text}`);
  const suffix = path.length > 0 ? `/${path.join("/")}` : "";
  return `tcp://${match[1] || "localhost"}:${match[2] || port}${suffix}`;
}

function readPem(path: string): string {
  try {
    return readText(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") throw invalidArgument(`open ${path}: no such file or directory`);
    throw error;
  }
}

function tlsFromFlags(flags: GlobalFlags): ClientTls | undefined {
  const verify = flags.tlsverify || Boolean(process.env.DOCKER_TLS_VERIFY);
  if (!flags.tls && !flags.changed("tlsverify") && !verify) return undefined;
  const pair = (path: string, given: boolean) =>
    !given && !nodeFs().existsSync(path) ? undefined : readPem(path);
  return {
    verify,
    ca: readPem(flags.tlscacert),
    cert: pair(flags.tlscert, flags.changed("tlscert")),
    key: pair(flags.tlskey, flags.changed("tlskey")),
  };
}

function fromContext(folder: string, name: string): Endpoint {
  const endpoint = readContext(folder, name).Endpoints?.docker;
  if (!endpoint?.Host)
    throw invalidArgument(`cannot find docker endpoint in context ${JSON.stringify(name)}`);
  const files = tlsFolder(folder, name);
  if (!nodeFs().existsSync(files)) return { host: endpoint.Host };
  const pem = (file: string) =>
    nodeFs().existsSync(`${files}/${file}`) ? readPem(`${files}/${file}`) : undefined;
  const tls = {
    verify: !endpoint.SkipTLSVerify,
    ca: pem("ca.pem"),
    cert: pem("cert.pem"),
    key: pem("key.pem"),
  };
  return { host: endpoint.Host, tls };
}

/** Finds the daemon from flags, environment and contexts. Throws with the Go client's texts. */
export function resolveEndpoint(
  flags: GlobalFlags,
  folder: string,
  configContext: string | undefined,
): Endpoint {
  const name = currentContext(flags, configContext);
  try {
    if (name !== "default") return fromContext(folder, name);
    if (flags.host.length > 1) throw invalidArgument("Specify only one -H");
    const tls = tlsFromFlags(flags);
    const host = parseHost(flags.host[0] ?? process.env.DOCKER_HOST ?? "", tls !== undefined);
    return tls ? { host, tls } : { host };
  } catch (error) {
    throw invalidArgument(
      `Failed to initialize: unable to resolve docker endpoint: ${messageOf(error)}`,
      error,
    );
  }
}
