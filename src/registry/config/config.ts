import { BlockList, isIP } from "node:net";
import { invalidArgument } from "../../base/errors.ts";
import { type LogLevel, logLevels } from "../../base/log.ts";
import type { Endpoint } from "../notifications.ts";
import type { UpstreamOptions } from "../proxy/upstream.ts";
import type { AuthOptions, RegistryOptions } from "../registry.ts";
import type { StoreOptions } from "../store.ts";
import { Section } from "./section.ts";
import type { Tree } from "./tree.ts";

export const defaultAddress = "127.0.0.1:5000";
export const defaultRoot = "/var/lib/longshore-registry";

/** All that a server is told. */
export interface Config {
  address: string;
  tls: { certificate: string; key: string } | undefined;
  plainHttp: boolean;
  logLevel: LogLevel;
  /** A file, `-` for the standard output, or undefined. */
  accessLog: string | undefined;
  store: StoreOptions;
  registry: RegistryOptions;
  /** How often what nobody needs is freed, in milliseconds; 0 for never. */
  collectMillis: number;
  /** What was said and has no effect. */
  warnings: readonly string[];
}

const hourMillis = 3600_000;

/**
 * What a configuration says. `origins` tells which keys came from which variables of the environment, where there may be
 * some that are not meant for us (Kubernetes makes a REGISTRY_PORT for a service called registry): those are only
 * warned of. Throws `invalidArgument`, naming the key.
 */
export function toConfig(tree: Tree, origins: ReadonlyMap<string, string> = new Map()): Config {
  const top = new Section(tree, "");
  const warnings: string[] = [];
  top.string("version");
  top.ignore("health", "catalog", "validation", "redis");
  const http = top.section("http");
  http.ignore("secret", "debug", "http2", "relativeurls", "draintimeout", "net");
  const tls = http.section("tls");
  tls.ignore("minimumtls", "ciphersuites");
  const log = top.section("log");
  log.ignore("formatter", "fields");
  const access = log.section("accesslog");
  const storage = top.section("storage");
  const config: Config = {
    address: http.string("addr") ?? defaultAddress,
    tls: http.has("tls") ? { certificate: tls.required("certificate"), key: tls.required("key") } : undefined,
    plainHttp: http.boolean("plain", false),
    logLevel: logLevelOf(log.string("level") ?? "info"),
    accessLog: access.boolean("disabled", false) ? undefined : access.string("path"),
    store: storeOf(storage, top.string("database")),
    registry: {
      auth: authOf(top.section("auth")),
      upstreams: upstreamsOf(top),
      endpoints: endpointsOf(top.section("notifications")),
      externalUrl: externalUrlOf(http.string("host")),
      deletes: storage.section("delete").boolean("enabled", true),
      headers: http.headers("headers"),
      trustedProxies: trustedOf(http),
    },
    collectMillis: top.section("collect").millis("interval", hourMillis),
    warnings,
  };
  top.close({
    refuse: (path) => {
      const names = variablesFor(path, origins);
      if (names.length === 0) throw invalidArgument(`configuration: ${path} is not known`);
      warnings.push(...names.map((name) => `the variable ${name} means nothing here`));
    },
    warn: (path) => warnings.push(`configuration: ${path} has no effect here`),
  });
  return config;
}

/** The variables that a key, or what is below it, came from. */
function variablesFor(path: string, origins: ReadonlyMap<string, string>): string[] {
  return [...origins].filter(([key]) => key === path || key.startsWith(`${path}.`)).map(([, name]) => name);
}

/** Addresses or networks (`10.0.0.0/8`); this machine where none are named. */
function trustedOf(http: Section): BlockList {
  const listed = http.strings("trustedproxies");
  const trusted = new BlockList();
  for (const text of listed.length > 0 ? listed : ["127.0.0.0/8", "::1"]) {
    const [address = "", bits] = text.split("/", 2);
    const family = isIP(address);
    const most = family === 4 ? 32 : 128;
    if (family === 0 || (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= most)))
      throw invalidArgument(`configuration: http.trustedproxies: ${text} is no address or network`);
    trusted.addSubnet(address, Number(bits ?? most), family === 4 ? "ipv4" : "ipv6");
  }
  return trusted;
}

function logLevelOf(text: string): LogLevel {
  const level = logLevels.find((one) => one === text);
  if (!level) throw invalidArgument(`invalid log level: ${text}`);
  return level;
}

function externalUrlOf(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined;
  if (!URL.canParse(text) || !/^https?:/.test(text))
    throw invalidArgument(`configuration: http.host is not a URL: ${text}`);
  return new URL(text).origin;
}

function storeOf(storage: Section, database: string | undefined): StoreOptions {
  storage.ignore("cache", "maintenance", "redirect", "tag");
  const index = database === undefined ? {} : { database };
  if (!storage.has("s3")) {
    const folder = storage.section("filesystem");
    folder.ignore("maxthreads");
    return { storage: { root: folder.string("rootdirectory") ?? defaultRoot }, ...index };
  }
  const s3 = storage.section("s3");
  s3.ignore(
    "secure",
    "skipverify",
    "v4auth",
    "chunksize",
    "encrypt",
    "keyid",
    "loglevel",
    "multipartcopychunksize",
    "multipartcopymaxconcurrency",
    "multipartcopythresholdsize",
    "forcepathstyle",
  );
  if (database === undefined) {
    throw invalidArgument(
      "configuration: with storage.s3, database has to name a PostgreSQL database (or a file for SQLite)",
    );
  }
  const [endpoint, region] = [s3.string("regionendpoint"), s3.string("region")];
  const prefix = (s3.string("rootdirectory") ?? "").replace(/^\/+|\/+$/g, "");
  return {
    storage: {
      s3: {
        bucket: s3.required("bucket"),
        ...(region !== undefined && { region }),
        ...(endpoint !== undefined && { endpoint }),
        accessKeyId: s3.string("accesskey") ?? process.env.AWS_ACCESS_KEY_ID ?? "",
        secretAccessKey: s3.string("secretkey") ?? process.env.AWS_SECRET_ACCESS_KEY ?? "",
        prefix: prefix === "" ? "" : `${prefix}/`,
      },
    },
    database,
  };
}

function authOf(auth: Section): AuthOptions {
  if (auth.has("htpasswd") && auth.has("accounts")) {
    throw invalidArgument("configuration: auth.htpasswd and auth.accounts exclude each other");
  }
  if (auth.has("htpasswd")) {
    const file = auth.section("htpasswd");
    return { kind: "htpasswd", realm: file.string("realm") ?? "registry", path: file.required("path") };
  }
  if (!auth.has("accounts")) return { kind: "none" };
  const accounts = auth.section("accounts");
  return {
    kind: "accounts",
    signUp: accounts.boolean("signup", false),
    private: accounts.boolean("private", false),
  };
}

/** Docker's one `proxy`, for all names, or any number of `proxies` by the first part of the name. */
function upstreamsOf(top: Section): UpstreamOptions[] {
  const one = top.has("proxy") ? [upstreamOf(top.section("proxy"), "")] : [];
  return [...one, ...top.list("proxies").map((section) => upstreamOf(section, section.required("prefix")))];
}

const prefixPattern = /^$|^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/;
const minuteMillis = 60_000;

function upstreamOf(section: Section, prefix: string): UpstreamOptions {
  const url = section.required("remoteurl");
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw invalidArgument(`configuration: remoteurl is not a URL: ${url}`);
  if (!prefixPattern.test(prefix))
    throw invalidArgument(`configuration: invalid prefix of a proxy: ${prefix}`);
  section.ignore("ttl", "exec");
  const [username, password] = [section.string("username"), section.string("password")];
  return {
    prefix,
    url: url.replace(/\/+$/, ""),
    ...(username && { username, password: password ?? "" }),
    freshMillis: section.millis("fresh", minuteMillis),
  };
}

const notifyMillis = 10_000;

function endpointsOf(notifications: Section): Endpoint[] {
  notifications.ignore("events");
  return notifications
    .list("endpoints")
    .filter((section) => {
      section.ignore("threshold", "backoff", "ignoredmediatypes");
      return !section.boolean("disabled", false);
    })
    .map((section) => ({
      name: section.required("name"),
      url: section.required("url"),
      headers: section.headers("headers"),
      timeoutMillis: section.millis("timeout", notifyMillis),
      ignoredActions: section.section("ignore").strings("actions"),
    }));
}
