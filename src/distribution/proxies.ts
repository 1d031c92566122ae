import { BlockList, isIP } from "node:net";
import { invalidArgument } from "../base/errors.ts";

/** Proxies for outgoing requests, as `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` give them; "" is none. */
export interface ProxySettings {
  httpProxy: string;
  httpsProxy: string;
  /** Hosts that are reached without: names, `.suffix`es, addresses, networks, each with a port or without; `*`. */
  noProxy: string;
}

/** What the environment says, in upper case or lower, as Go's programs read it. */
export function proxiesOfEnvironment(env: Readonly<Record<string, string | undefined>>): ProxySettings {
  const value = (name: string) => env[name] || env[name.toLowerCase()] || "";
  return {
    httpProxy: value("HTTP_PROXY"),
    httpsProxy: value("HTTPS_PROXY"),
    noProxy: value("NO_PROXY"),
  };
}

/** Says which proxy a URL is asked for through. */
export class ProxyRules {
  readonly #http: string | undefined;
  readonly #https: string | undefined;
  readonly #exceptions: readonly ((host: string, port: string) => boolean)[];

  /** Throws `invalidArgument` for a proxy that is not a URL. */
  constructor(settings: ProxySettings) {
    this.#http = proxyUrl(settings.httpProxy);
    this.#https = proxyUrl(settings.httpsProxy);
    this.#exceptions = settings.noProxy
      .split(",")
      .map((entry) => entry.trim().toLowerCase())
      .filter((entry) => entry !== "")
      .map(exception);
  }

  /** Undefined: none. As in Go, a proxy is never asked for what is on this machine. */
  proxyFor(url: URL): string | undefined {
    const proxy = url.protocol === "https:" ? this.#https : this.#http;
    if (proxy === undefined) return undefined;
    const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
    if (host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host)) return undefined;
    const port = url.port || (url.protocol === "https:" ? "443" : "80");
    return this.#exceptions.some((applies) => applies(host, port)) ? undefined : proxy;
  }
}

function proxyUrl(text: string): string | undefined {
  if (text === "") return undefined;
  const whole = text.includes("://") ? text : `http://${text}`;
  if (!URL.canParse(whole) || !/^https?:/.test(whole)) {
    throw invalidArgument(`invalid proxy address: ${withoutUser(text)}`);
  }
  return whole;
}

/** One entry of `NO_PROXY`, as golang.org/x/net/http/httpproxy understands it. */
function exception(entry: string): (host: string, port: string) => boolean {
  if (entry === "*") return () => true;
  const [network = "", bits = ""] = entry.split("/");
  const family = isIP(network) === 6 ? "ipv6" : "ipv4";
  if (isIP(network) !== 0 && /^\d+$/.test(bits) && Number(bits) <= (family === "ipv6" ? 128 : 32)) {
    const list = new BlockList();
    list.addSubnet(network, Number(bits), family);
    return (host) => isIP(host) !== 0 && list.check(host, isIP(host) === 6 ? "ipv6" : "ipv4");
  }
  const match = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(entry);
  const name = match ? (match[1] ?? match[2] ?? "") : entry;
  const port = match?.[3];
  const portFits = (asked: string) => port === undefined || port === asked;
  if (isIP(name) !== 0) return (host, asked) => host === name && portFits(asked);
  const suffix = name.replace(/^\*?\.?/, ".");
  const itself = name === suffix.slice(1) ? name : undefined;
  return (host, asked) => (host === itself || host.endsWith(suffix)) && portFits(asked);
}

/** A proxy's address as it may be shown: its user and password replaced, as `docker info` does. */
export function withoutUser(proxy: string): string {
  return proxy.replace(/^([^/]*:\/\/)?[^/@]*@/, "$1xxxxx:xxxxx@");
}
