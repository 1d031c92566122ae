import { readFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { invalidArgument } from "../base/errors.ts";
import { resolverAddress } from "./dns/redirect.ts";
import { parseResolvConf } from "./resolv-conf.ts";

/** /etc/hostname. */
export function etcHostname(hostname: string): string {
  return `${hostname}\n`;
}

const hostsHead = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::\tip6-localnet",
  "ff00::\tip6-mcastprefix",
  "ff02::1\tip6-allnodes",
  "ff02::2\tip6-allrouters",
];

export interface HostsRequest {
  hostname: string;
  domainname: string;
  /** The container's own addresses; none without a network. */
  addresses: readonly string[];
  /** `--add-host`: `name:address`, where the address may be `host-gateway`. */
  extraHosts: readonly string[];
  /** Lines for other containers: address, tab, names. */
  links: readonly string[];
  /** The host as containers see it. */
  hostGateway: string | undefined;
}

/** /etc/hosts: hosts(5), as Docker writes it. Throws `invalidArgument` for `host-gateway` without a gateway. */
export function etcHosts(request: HostsRequest): string {
  const { extraHosts, hostGateway } = request;
  const extra = extraHosts.map((entry) => extraHost(entry, hostGateway));
  const lines = [...hostsHead, ...extra, ...hostItself(request), ...request.links, ...ownHosts(request)];
  return `${lines.join("\n")}\n`;
}

/** The lines by which a container finds itself. */
export function ownHosts({
  hostname,
  domainname,
  addresses,
}: Pick<HostsRequest, "hostname" | "domainname" | "addresses">): string[] {
  // The name may be given whole as the host name; both the whole and the bare name are found.
  const whole = domainname === "" ? hostname : `${hostname}.${domainname}`;
  const dot = whole.indexOf(".");
  const names = dot < 0 ? whole : `${whole} ${whole.slice(0, dot)}`;
  return addresses.map((address) => `${address}\t${names}`);
}

/** The file with `lines` at its end. */
export function withHosts(text: string, lines: readonly string[]): string {
  return lines.length === 0 ? text : `${text.replace(/\n?$/, "\n")}${lines.join("\n")}\n`;
}

/** The file without `lines`. */
export function withoutHosts(text: string, lines: readonly string[]): string {
  return text
    .split("\n")
    .filter((line) => !lines.includes(line))
    .join("\n");
}

/** The host by its name, without being asked for it, for containers that have a network. */
const hostName = "host.docker.internal";

function hostItself({ addresses, extraHosts, hostGateway }: HostsRequest): string[] {
  const isGiven = extraHosts.some((entry) => entry.split(/[:=]/)[0] === hostName);
  return addresses.length === 0 || hostGateway === undefined || isGiven
    ? []
    : [`${hostGateway}\t${hostName}`];
}

/** The host's own file, for containers that share its network: there the host is themselves. */
export function hostsOfHost(text: string): string {
  if (new RegExp(`\\s${hostName.replaceAll(".", "\\.")}(\\s|$)`).test(text)) return text;
  return `${text.replace(/\n?$/, "\n")}127.0.0.1\t${hostName}\n`;
}

function extraHost(entry: string, hostGateway: string | undefined): string {
  // An IPv6 address holds colons itself, so the first one ends the name; `name=address` is taken too.
  const [, name = "", address = ""] = /^([^:=]+)[:=](.*)$/.exec(entry) ?? [];
  if (address !== "host-gateway") return `${address.replace(/^\[(.*)\]$/, "$1")}\t${name}`;
  if (hostGateway === undefined) {
    throw invalidArgument("unable to derive the IP value for host-gateway");
  }
  return `${hostGateway}\t${name}`;
}

export interface ResolvConfRequest {
  /** The container shares the host's network, and so may use a resolver on the loopback address. */
  hostNetwork: boolean;
  /** Names are resolved by the daemon's own resolver, which asks the servers for what it does not know. */
  resolver: boolean;
  /** `--dns`, `--dns-search`, `--dns-option`: each replaces the host's. */
  dns: readonly string[];
  search: readonly string[];
  options: readonly string[];
}

/** Where the host's resolver configuration may be; the second is systemd-resolved's, with the real servers. */
const hostFiles = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

/** What Docker falls back to when the host has no server that a container can reach. */
const publicServers = ["8.8.8.8", "8.8.4.4"];

function readFileIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // A host without the file uses its resolver's defaults.
    return "";
  }
}

const isLoopback = (server: string) => server.startsWith("127.") || server === "::1";

/** The servers that a container without IPv6, in a network of its own, can reach. */
const reachable = (servers: readonly string[]) =>
  servers.filter((server) => isIPv4(server) && !isLoopback(server));

/** /etc/resolv.conf: the host's own, with what was asked for in its place. `read` gives a file's text, or nothing. */
export function etcResolvConf(request: ResolvConfRequest, read = readFileIfThere): string {
  const [main = "", systemd = ""] = hostFiles;
  let host = parseResolvConf(read(main));
  // A resolver on the loopback address stands before others: those are what a container may use.
  if (!request.hostNetwork && host.servers.length > 0 && host.servers.every(isLoopback)) {
    const behind = parseResolvConf(read(systemd));
    if (behind.servers.length > 0) host = behind;
  }
  const inherited = request.hostNetwork ? host.servers : reachable(host.servers);
  const servers = request.dns.length > 0 ? request.dns : inherited;
  const asked = request.search.length > 0 ? request.search : host.search;
  // A single dot asks for no search list at all.
  const search = asked.length === 1 && asked[0] === "." ? [] : asked;
  const wanted = request.options.length > 0 ? request.options : host.options;
  // Names of containers have no dots, and are to be asked for as they are first.
  const hasDots = wanted.some((option) => option.startsWith("ndots:"));
  const options = request.resolver && !hasDots ? [...wanted, "ndots:0"] : wanted;
  const reached = servers.length > 0 || request.hostNetwork ? servers : publicServers;
  const lines = (request.resolver ? [resolverAddress] : reached).map((server) => `nameserver ${server}`);
  if (search.length > 0) lines.push(`search ${search.join(" ")}`);
  if (options.length > 0) lines.push(`options ${options.join(" ")}`);
  return `${lines.join("\n")}\n`;
}
