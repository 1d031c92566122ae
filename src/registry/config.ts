import { readFileSync } from "node:fs";
import { invalidArgument, messageOf } from "../base/errors.ts";
import { type LogLevel, logLevels } from "../base/log.ts";
import { parseGoDuration } from "../base/units.ts";
import type { Endpoint } from "./notifications.ts";
import type { UpstreamOptions } from "./proxy/upstream.ts";
import type { AuthOptions, RegistryOptions } from "./registry.ts";
import type { StoreOptions } from "./store.ts";

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
}

type Tree = { [key: string]: unknown };

const hourMillis = 3600_000;
const nanosPerMilli = 1e6;

/** Reads a file in YAML or JSON, in the form of Docker's registry (`config.yml`). Throws `invalidArgument`. */
export function readConfigFile(path: string): Tree {
  try {
    const tree: unknown = Bun.YAML.parse(readFileSync(path, "utf8"));
    if (tree === null || tree === undefined) return {};
    if (typeof tree !== "object" || Array.isArray(tree)) throw invalidArgument("it is not a map");
    return tree as Tree;
  } catch (error) {
    throw invalidArgument(`configuration file ${path}: ${messageOf(error)}`, error);
  }
}

/** Sets `a.b.c` in the tree, as flags and variables like `REGISTRY_A_B_C` do. */
export function setPath(tree: Tree, path: readonly string[], value: unknown): void {
  const [key = "", ...rest] = path;
  if (rest.length === 0) {
    tree[key] = value;
    return;
  }
  const below = tree[key];
  const next: Tree =
    typeof below === "object" && below !== null && !Array.isArray(below) ? (below as Tree) : {};
  tree[key] = next;
  setPath(next, rest, value);
}

/** Applies `REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=…` and the like. */
export function applyEnvironment(
  tree: Tree,
  environment: Readonly<Record<string, string | undefined>>,
): void {
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith("REGISTRY_") || value === undefined) continue;
    setPath(tree, name.slice("REGISTRY_".length).toLowerCase().split("_"), Bun.YAML.parse(value));
  }
}

/** Reads the values of a map, and at the end refuses the keys that nobody asked for. */
class Section {
  readonly #values: Tree;
  readonly #path: string;
  readonly #asked = new Set<string>();
  readonly #below: Section[] = [];

  constructor(values: unknown, path: string) {
    if (values !== undefined && values !== null && (typeof values !== "object" || Array.isArray(values))) {
      throw invalidArgument(`configuration: ${path} is not a map`);
    }
    this.#values = (values ?? {}) as Tree;
    this.#path = path;
  }

  has(key: string): boolean {
    return this.#values[key] !== undefined;
  }

  #name(key: string): string {
    return this.#path === "" ? key : `${this.#path}.${key}`;
  }

  section(key: string): Section {
    this.#asked.add(key);
    const section = new Section(this.#values[key], this.#name(key));
    this.#below.push(section);
    return section;
  }

  list(key: string): Section[] {
    this.#asked.add(key);
    const value = this.#values[key] ?? [];
    if (!Array.isArray(value)) throw invalidArgument(`configuration: ${this.#name(key)} is not a list`);
    const sections = value.map((item, index) => new Section(item, `${this.#name(key)}[${index}]`));
    this.#below.push(...sections);
    return sections;
  }

  string(key: string): string | undefined {
    this.#asked.add(key);
    const value = this.#values[key];
    if (value === undefined || value === null) return undefined;
    if (typeof value === "object") throw invalidArgument(`configuration: ${this.#name(key)} is not a text`);
    return String(value);
  }

  required(key: string): string {
    const value = this.string(key);
    if (value === undefined || value === "")
      throw invalidArgument(`configuration: ${this.#name(key)} is missing`);
    return value;
  }

  boolean(key: string, otherwise: boolean): boolean {
    const text = this.string(key);
    if (text === undefined) return otherwise;
    if (text !== "true" && text !== "false")
      throw invalidArgument(`configuration: ${this.#name(key)} is not true or false`);
    return text === "true";
  }

  millis(key: string, otherwise: number): number {
    const text = this.string(key);
    if (text === undefined) return otherwise;
    const nanos = parseGoDuration(text);
    if (nanos === undefined || nanos < 0)
      throw invalidArgument(`configuration: ${this.#name(key)} is not a duration like 30s`);
    return nanos / nanosPerMilli;
  }

  strings(key: string): string[] {
    this.#asked.add(key);
    const value = this.#values[key] ?? [];
    if (!Array.isArray(value)) throw invalidArgument(`configuration: ${this.#name(key)} is not a list`);
    return value.map(String);
  }

  /** A map of texts, or of lists of texts (as HTTP headers are written). */
  headers(key: string): Record<string, string> {
    this.#asked.add(key);
    const value = this.#values[key] ?? {};
    return Object.fromEntries(
      Object.entries(value).map(([name, text]) => [
        name,
        Array.isArray(text) ? text.join(", ") : String(text),
      ]),
    );
  }

  /** Keys that Docker's registry knows and that have no meaning here. */
  ignore(...keys: string[]): void {
    for (const key of keys) this.#asked.add(key);
  }

  /** Throws `invalidArgument` for a key that means nothing, here or below. */
  close(): void {
    for (const key of Object.keys(this.#values)) {
      if (!this.#asked.has(key)) throw invalidArgument(`configuration: ${this.#name(key)} is not known`);
    }
    for (const section of this.#below) section.close();
  }
}

/** What a configuration says. Throws `invalidArgument`, naming the key. */
export function toConfig(tree: Tree): Config {
  const top = new Section(tree, "");
  top.ignore("version", "health", "catalog", "validation", "redis");
  const http = top.section("http");
  http.ignore("secret", "headers", "debug", "http2", "relativeurls", "draintimeout", "net");
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
    },
    collectMillis: top.section("collect").millis("interval", hourMillis),
  };
  top.close();
  return config;
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
