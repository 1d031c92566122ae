import { isIP } from "node:net";
import { parseArgs } from "node:util";
import { invalidArgument, messageOf } from "../base/errors.ts";
import { type LogLevel, logLevels } from "../base/log.ts";

export const defaultAddress = "127.0.0.1:5000";
export const defaultRoot = "/var/lib/longshore-registry";

export interface ServeOptions {
  command: "serve";
  host: string;
  /** 0 takes any free port. */
  port: number;
  root: string;
  logLevel: LogLevel;
}

export interface SeedOptions {
  command: "seed";
  /** Where the images go: a root folder, or a running registry. */
  target: { root: string } | { url: string };
  /** The static busybox executable that the image is made of. */
  busybox: string;
}

export type RegistryOptions = ServeOptions | SeedOptions | { command: "help" | "version" };

/** Reads the arguments of `docker-registry`. Throws `invalidArgument`. */
export function parseRegistryOptions(argv: readonly string[]): RegistryOptions {
  const { values, positionals } = parsed(argv);
  if (values.help) return { command: "help" };
  if (values.version) return { command: "version" };
  const [command = "", extra] = positionals;
  if (extra !== undefined) throw invalidArgument(`unexpected argument: ${extra}`);
  if (command === "") return { command: "help" };
  if (command === "serve") return serveOptions(values);
  if (command === "seed") return seedOptions(values);
  throw invalidArgument(`'${command}' is not a docker-registry command`);
}

type Values = ReturnType<typeof parsed>["values"];

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h" },
        version: { type: "boolean", short: "v" },
        addr: { type: "string" },
        root: { type: "string" },
        "plain-http": { type: "boolean" },
        "log-level": { type: "string" },
        url: { type: "string" },
        busybox: { type: "string" },
      },
    });
  } catch (error) {
    throw invalidArgument(messageOf(error), error);
  }
}

function serveOptions(values: Values): ServeOptions {
  refuse(values, "serve", ["url", "busybox"]);
  const { host, port } = parseAddress(values.addr ?? defaultAddress);
  if (!isLoopback(host) && !values["plain-http"]) {
    throw invalidArgument(
      `${host || "0.0.0.0"} can be reached from other machines, and anybody there could push and pull in clear text: ` +
        "listen on 127.0.0.1, or say --plain-http when that is wanted",
    );
  }
  const logLevel = logLevels.find((level) => level === (values["log-level"] ?? "info"));
  if (!logLevel) throw invalidArgument(`invalid log level: ${values["log-level"]}`);
  return { command: "serve", host: host || "0.0.0.0", port, root: values.root ?? defaultRoot, logLevel };
}

function seedOptions(values: Values): SeedOptions {
  refuse(values, "seed", ["addr", "plain-http", "log-level"]);
  if (values.url !== undefined && values.root !== undefined) {
    throw invalidArgument("--root and --url exclude each other");
  }
  const target = values.url === undefined ? { root: values.root ?? defaultRoot } : { url: values.url };
  return { command: "seed", target, busybox: values.busybox ?? "/bin/busybox" };
}

function refuse(values: Values, command: string, foreign: readonly (keyof Values)[]): void {
  for (const name of foreign) {
    if (values[name] !== undefined) throw invalidArgument(`${command} has no flag --${name}`);
  }
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

A registry for container images (OCI distribution specification 1.1)

Commands:
  serve       Serve the images of a folder over HTTP
  seed        Store the images hello-world and busybox

Options of serve:
      --addr HOST:PORT     Where to listen; port 0 takes a free one (default "${defaultAddress}")
      --root DIR           Folder that keeps the images (default "${defaultRoot}")
      --plain-http         Allow an address that other machines can reach, without encryption or passwords
      --log-level LEVEL    ${logLevels.join(", ")} (default "info")

Options of seed:
      --root DIR           Folder to store into (default "${defaultRoot}")
      --url URL            Running registry to push to, instead of a folder
      --busybox FILE       Static busybox executable (default "/bin/busybox")

  -h, --help               Print this text
  -v, --version            Print the version
`;
