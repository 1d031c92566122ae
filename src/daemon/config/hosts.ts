import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { errnoOf, invalidArgument, messageOf } from "../../base/errors.ts";
import type { Endpoint, ServerTls } from "../http/listeners.ts";
import type { LoadedConfig } from "./config.ts";
import { parseListenAddress } from "./listen-address.ts";

/** True for names and addresses that only this host reaches. */
function isLoopback(host: string): boolean {
  return host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

export interface EndpointDeps {
  readonly readFile?: (path: string) => string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly pid?: number;
}

/**
 * What to listen on. TCP that other hosts reach needs certificates of its clients, unless `--tls=false` or
 * `--tlsverify=false` asks for less in so many words. Throws `invalidArgument`.
 */
export function endpointsOf(loaded: LoadedConfig, deps: EndpointDeps = {}): Endpoint[] {
  const { config, given } = loaded;
  const wantsTls = config.tls || config.tlsVerify;
  const hosts = config.hosts.length === 0 ? [""] : config.hosts;
  const addresses = hosts.map((host) => parseListenAddress(host, wantsTls));
  const askedOpen = (given.has("tls") && !config.tls) || (given.has("tlsVerify") && !config.tlsVerify);
  const isOpen = !config.tlsVerify && !askedOpen;
  const endpoints: Endpoint[] = [];
  for (const address of addresses) {
    if (address.kind === "unix") endpoints.push({ ...address, gid: groupOf(loaded, deps) });
    else if (address.kind === "fd") {
      endpoints.push(...systemdSockets(address.name, deps.env ?? process.env, deps.pid ?? process.pid));
    } else {
      if (isOpen && !isLoopback(address.host)) throw openTcp(address.host, address.port);
      endpoints.push({ ...address, tls: wantsTls ? loadTls(config, deps) : undefined });
    }
  }
  return endpoints;
}

function openTcp(host: string, port: number) {
  return invalidArgument(
    `refusing to listen on tcp://${host}:${port} without --tlsverify: whoever reaches it is root on this host. ` +
      "Use --tlsverify with certificates, or ask for an open port with --tls=false or --tlsverify=false",
  );
}

/** The group of unix sockets; the default one need not exist. */
function groupOf({ config, given }: LoadedConfig, deps: EndpointDeps): number | undefined {
  if (/^\d+$/.test(config.group)) return Number(config.group);
  const line = readFileOf(deps)("/etc/group")
    .split("\n")
    .find((entry) => entry.startsWith(`${config.group}:`));
  const gid = line?.split(":")[2];
  if (gid !== undefined) return Number(gid);
  if (given.has("group")) throw invalidArgument(`group ${config.group} not found`);
  return undefined;
}

function readFileOf(deps: EndpointDeps): (path: string) => string {
  return deps.readFile ?? ((path) => readFileSync(path, "utf8"));
}

function loadTls(config: LoadedConfig["config"], deps: EndpointDeps): ServerTls {
  const env = deps.env ?? process.env;
  const folder = env.DOCKER_CERT_PATH || join(env.HOME || homedir(), ".docker");
  const certPath = config.tlsCert || join(folder, "cert.pem");
  const keyPath = config.tlsKey || join(folder, "key.pem");
  const caPath = config.tlsCaCert || join(folder, "ca.pem");
  const read = readFileOf(deps);
  const pair = `could not load X509 key pair (cert: ${JSON.stringify(certPath)}, key: ${JSON.stringify(keyPath)})`;
  const tls = { cert: readPem(read, certPath, pair), key: readPem(read, keyPath, pair) };
  if (!config.tlsVerify) return tls;
  return {
    ...tls,
    clientCa: readPem(read, caPath, `could not read CA certificate ${JSON.stringify(caPath)}`),
  };
}

function readPem(read: (path: string) => string, path: string, what: string): string {
  try {
    return read(path);
  } catch (error) {
    const reason = errnoOf(error) === "ENOENT" ? "no such file or directory" : messageOf(error);
    throw invalidArgument(`${what}: open ${path}: ${reason}`, error);
  }
}

/** The sockets that systemd passes (sd_listen_fds(3)): all for `fd://`, or the one of a number or a name. */
function systemdSockets(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): Endpoint[] {
  const count = Number(env.LISTEN_PID) === pid ? Number(env.LISTEN_FDS ?? 0) : 0;
  if (!(count > 0)) {
    throw invalidArgument(
      "no sockets found via socket activation: make sure the service was started by systemd",
    );
  }
  const fds = Array.from({ length: count }, (_, i) => 3 + i);
  if (name === "" || name === "*") return fds.map((fd) => ({ kind: "fd", fd }));
  const names = (env.LISTEN_FDNAMES ?? "").split(":");
  const wanted = fds.filter((fd, i) => names[i] === name || String(fd) === name);
  if (wanted.length === 0) throw invalidArgument(`failed to find systemd socket ${name}`);
  return wanted.map((fd) => ({ kind: "fd", fd }));
}
