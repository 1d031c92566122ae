import { isIP } from "node:net";
import { parseArgs } from "node:util";
import { invalidArgument, messageOf } from "../base/errors.ts";
import { logLevels } from "../base/log.ts";
import { type Config, defaultAddress, defaultRoot, toConfig } from "./config/config.ts";
import { applyEnvironment, readConfigFile, setPath } from "./config/tree.ts";

export interface ServeOptions {
  command: "serve";
  host: string;
  /** 0 takes any free port. */
  port: number;
  config: Config;
}

export interface SeedOptions {
  command: "seed";
  /** Where the images go: a root folder, or a running registry. */
  target: { root: string } | { url: string };
  /** The static busybox executable that the image is made of. */
  busybox: string;
}

/** A command on what a registry keeps, which may run meanwhile. */
export interface ManageOptions {
  command: "gc" | "reindex" | "user" | "organisation" | "token" | "repository";
  words: readonly string[];
  config: Config;
  values: Values;
}

export type RegistryOptions = ServeOptions | SeedOptions | ManageOptions | { command: "help" | "version" };

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the arguments of `docker-registry`. Throws `invalidArgument`. */
export function parseRegistryOptions(
  argv: readonly string[],
  environment: Environment = {},
): RegistryOptions {
  const { values, positionals } = parsed(argv);
  if (values.help) return { command: "help" };
  if (values.version) return { command: "version" };
  const [command = "", ...words] = positionals;
  if (command === "") return { command: "help" };
  if (command === "seed") return seedOptions(values, words);
  if (command === "serve") return serveOptions(values, words, environment);
  // `garbage-collect CONFIG` is what Docker's registry has.
  if (command === "garbage-collect") {
    const config = configOf(values, words[0], environment);
    return { command: "gc", words: words.slice(1), config, values };
  }
  const known = manageCommands.find((name) => name === command);
  if (!known) throw invalidArgument(`'${command}' is not a docker-registry command`);
  return { command: known, words, config: configOf(values, undefined, environment), values };
}

const manageCommands = ["gc", "reindex", "user", "organisation", "token", "repository"] as const;

export type Values = ReturnType<typeof parsed>["values"];

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h" },
        version: { type: "boolean", short: "v" },
        config: { type: "string" },
        addr: { type: "string" },
        root: { type: "string" },
        database: { type: "string" },
        "plain-http": { type: "boolean" },
        "tls-cert": { type: "string" },
        "tls-key": { type: "string" },
        htpasswd: { type: "string" },
        accounts: { type: "boolean" },
        "sign-up": { type: "boolean" },
        private: { type: "boolean" },
        proxy: { type: "string", multiple: true },
        "external-url": { type: "string" },
        "trust-proxy": { type: "string", multiple: true },
        "access-log": { type: "string" },
        "log-level": { type: "string" },
        url: { type: "string" },
        busybox: { type: "string" },
        admin: { type: "boolean" },
        email: { type: "string" },
        "password-stdin": { type: "boolean" },
        owner: { type: "string" },
        label: { type: "string" },
        role: { type: "string" },
        days: { type: "string" },
        "dry-run": { type: "boolean" },
        grace: { type: "string" },
      },
    });
  } catch (error) {
    // Node's advice after the first sentence is about its own parser.
    const [what = ""] = messageOf(error).split(/\. |\n/);
    const said = what
      .replaceAll("'", "")
      .replace("Unknown option", "unknown flag:")
      .replace(/^Option (?:-\w, )?(--\S+) <value> argument missing$/, "flag needs an argument: $1");
    throw invalidArgument(said, error);
  }
}

/** Flags that stand for a key of the configuration. */
const keys: readonly [keyof Values, readonly string[]][] = [
  ["addr", ["http", "addr"]],
  ["root", ["storage", "filesystem", "rootdirectory"]],
  ["database", ["database"]],
  ["plain-http", ["http", "plain"]],
  ["tls-cert", ["http", "tls", "certificate"]],
  ["tls-key", ["http", "tls", "key"]],
  ["htpasswd", ["auth", "htpasswd", "path"]],
  ["accounts", ["auth", "accounts", "signup"]],
  ["sign-up", ["auth", "accounts", "signup"]],
  ["private", ["auth", "accounts", "private"]],
  ["external-url", ["http", "host"]],
  ["trust-proxy", ["http", "trustedproxies"]],
  ["access-log", ["log", "accesslog", "path"]],
  ["log-level", ["log", "level"]],
];
const serveFlags: readonly (keyof Values)[] = [...keys.map(([flag]) => flag), "config", "proxy"];
const storeFlags: readonly (keyof Values)[] = ["config", "root", "database"];

/** The configuration file, then the environment, then the flags: what comes later counts. */
function configOf(values: Values, file: string | undefined, environment: Environment): Config {
  const path = file ?? values.config;
  const tree = path === undefined ? {} : readConfigFile(path);
  const origins = applyEnvironment(tree, environment);
  for (const [flag, key] of keys) {
    const value = values[flag];
    if (value !== undefined) setPath(tree, key, flag === "accounts" ? values["sign-up"] === true : value);
  }
  if (values.proxy) {
    const known = Array.isArray(tree.proxies) ? tree.proxies : [];
    tree.proxies = [...known, ...values.proxy.map(proxyOf)];
  }
  return toConfig(tree, origins);
}

/** `docker.io=https://registry-1.docker.io` */
function proxyOf(text: string) {
  const [prefix = "", remoteurl] = text.split(/=(.*)/s, 2);
  if (remoteurl === undefined) throw invalidArgument(`invalid proxy: ${text} (expected PREFIX=URL)`);
  return { prefix, remoteurl };
}

function serveOptions(
  values: Values,
  [file, extra]: readonly string[],
  environment: Environment,
): ServeOptions {
  refuse(values, "serve", serveFlags);
  if (extra !== undefined) throw invalidArgument(`unexpected argument: ${extra}`);
  if (file !== undefined && values.config !== undefined)
    throw invalidArgument(`unexpected argument: ${file}`);
  const config = configOf(values, file, environment);
  const { host, port } = parseAddress(config.address);
  refuseClearText(config, host);
  return { command: "serve", host: host || "0.0.0.0", port, config };
}

function refuseClearText({ tls, plainHttp, registry }: Config, host: string): void {
  if (isLoopback(host) || plainHttp) return;
  const where = `${host || "0.0.0.0"} can be reached from other machines`;
  if (tls && registry.auth.kind === "none") {
    throw invalidArgument(
      `${where}, and anybody there could push and pull: say who may with --htpasswd or --accounts, or --plain-http when that is wanted`,
    );
  }
  if (tls) return;
  throw invalidArgument(
    `${where}, and ${registry.auth.kind === "none" ? "anybody there could push and pull" : "passwords would go"} in clear text: ` +
      "listen on 127.0.0.1, give --tls-cert and --tls-key, or say --plain-http when that is wanted",
  );
}

function seedOptions(values: Values, [extra]: readonly string[]): SeedOptions {
  refuse(values, "seed", ["root", "url", "busybox"]);
  if (extra !== undefined) throw invalidArgument(`unexpected argument: ${extra}`);
  if (values.url !== undefined && values.root !== undefined) {
    throw invalidArgument("--root and --url exclude each other");
  }
  const target = values.url === undefined ? { root: values.root ?? defaultRoot } : { url: values.url };
  return { command: "seed", target, busybox: values.busybox ?? "/bin/busybox" };
}

/** Throws for a flag that the command does not have. */
export function refuse(values: Values, command: string, known: readonly (keyof Values)[]): void {
  for (const name of Object.keys(values) as (keyof Values)[]) {
    if (values[name] !== undefined && !known.includes(name))
      throw invalidArgument(`${command} has no flag --${name}`);
  }
}

/** Flags of a command on what a registry keeps, beside its own. */
export function refuseForManage(values: Values, command: string, own: readonly (keyof Values)[]): void {
  refuse(values, command, [...storeFlags, ...own]);
}

/** `HOST:PORT`, `[::1]:PORT` or `:PORT` (host is empty then: all addresses). Throws `invalidArgument`. */
export function parseAddress(text: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const [, bracketed, plain = "", digits] = match ?? [];
  const port = Number(digits);
  const host = bracketed ?? plain;
  if (!match || port > 65535 || (bracketed !== undefined && isIP(bracketed) !== 6)) {
    throw invalidArgument(`invalid address: ${text} (expected HOST:PORT)`);
  }
  return { host, port };
}

/** True when only this machine can reach `host`. */
export function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith("127.");
  return host === "localhost" || host === "::1";
}

export const registryHelp = `Usage:  docker-registry COMMAND [OPTIONS]

A registry for container images (OCI distribution specification 1.1), with web pages

Commands:
  serve [CONFIG]                 Serve the images over HTTP or HTTPS
  seed                           Store the images hello-world and busybox
  gc                             Free what nobody needs; the server may run meanwhile
  reindex                        Add to the index what the storage has beside it
  user add|rm|ls|passwd|admin    Manage users (serve --accounts)
  organisation add|rm|ls|member  Manage organisations
  token add|rm|ls                Manage access tokens
  repository ls|set|rm           Manage repositories

Options of all but seed:
      --config FILE              YAML or JSON, in the form of Docker's registry; REGISTRY_HTTP_ADDR and the like work too
      --root DIR                 Folder that keeps the images (default "${defaultRoot}")
      --database FILE|URL        Index: a file for SQLite (default "index.sqlite" in the folder), or postgres://…

Options of serve:
      --addr HOST:PORT           Where to listen; port 0 takes a free one (default "${defaultAddress}")
      --tls-cert FILE            Certificate chain, PEM
      --tls-key FILE             Its key, PEM
      --plain-http               Allow an address that other machines can reach, without encryption or log-in
      --htpasswd FILE            Only users of this file (htpasswd -B) may push and pull
      --accounts                 Users, organisations and tokens of its own, public and private repositories
      --sign-up                  Everybody may make an account on the web pages
      --private                  New repositories are private
      --proxy PREFIX=URL         Fetch what begins with PREFIX/ from another registry and keep it (may be repeated)
      --external-url URL         How clients reach this registry, where that differs
      --trust-proxy NETWORK      Believe X-Forwarded-For, -Proto and -Host of this one (default: this machine; may be repeated)
      --access-log FILE          One JSON object a request; "-" is the standard output
      --log-level LEVEL          ${logLevels.join(", ")} (default "info")

Options of the others:
      --url URL                  seed: running registry to push to, instead of a folder
      --busybox FILE             seed: static busybox executable (default "/bin/busybox")
      --dry-run                  gc: tell what would be freed
      --grace DURATION           gc: keep blobs without a manifest for so long (default "1h")
      --password-stdin           user add, user passwd: read the password from the standard input
      --admin, --email ADDRESS   user add: may do everything; where to write to
      --owner USER               organisation add: its first administrator
      --label, --role, --days    token add: what it is for, pull, push or admin, how long it is good

  -h, --help                     Print this text
  -v, --version                  Print the version
`;
