import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { internal, messageOf, notFound } from "../base/errors.ts";

/** Where plugins tell of themselves, as Docker has it: sockets, and files that name an address. */
export interface PluginFolders {
  sockets: string;
  /** In the order in which they are looked through. */
  specs: readonly string[];
}

export const dockerPluginFolders: PluginFolders = {
  sockets: "/run/docker/plugins",
  specs: ["/etc/docker/plugins", "/usr/lib/docker/plugins"],
};

/** Where a plugin listens. */
export interface PluginAddress {
  name: string;
  /** The path of a Unix socket. */
  socket?: string;
  /** `http://host:port`, or `https://` where `tls` is there. */
  url?: string;
  tls?: { rejectUnauthorized: boolean; ca?: string; cert?: string; key?: string };
}

/**
 * Finds a plugin by its name: `<name>.sock` or `<name>/<name>.sock`, then `<name>.spec` (an address) or `<name>.json`
 * (address and certificates). Throws `notFound` with Docker's words, `internal` for a file that cannot be understood.
 */
export function findPlugin(name: string, folders: PluginFolders): PluginAddress {
  // A name is part of a path here.
  if (/^[\w.-]+$/.test(name) && !/^\.+$/.test(name)) {
    const socket = inEither(folders.sockets, name, ".sock");
    if (socket !== undefined) return { name, socket };
    for (const folder of folders.specs) {
      const spec = inEither(folder, name, ".spec");
      if (spec !== undefined) return fromAddress(name, readFileSync(spec, "utf8").trim());
      const json = inEither(folder, name, ".json");
      if (json !== undefined) return fromJson(name, json);
    }
  }
  throw notFound(`plugin ${JSON.stringify(name)} not found`);
}

function inEither(folder: string, name: string, extension: string): string | undefined {
  return [join(folder, name + extension), join(folder, name, name + extension)].find(existsSync);
}

/** `unix:///run/x.sock` or `tcp://host:port`. */
function fromAddress(name: string, address: string): PluginAddress {
  if (address.startsWith("unix://")) return { name, socket: address.slice("unix://".length) };
  if (URL.canParse(address) && /^(tcp|https?):/.test(address)) {
    return { name, url: address.replace(/^tcp:/, "http:") };
  }
  throw internal(`plugin ${JSON.stringify(name)}: invalid protocol: ${address}`);
}

interface JsonSpec {
  Name?: string;
  Addr?: string;
  TLSConfig?: { InsecureSkipVerify?: boolean; CAFile?: string; CertFile?: string; KeyFile?: string };
}

function fromJson(name: string, path: string): PluginAddress {
  try {
    const { Name, Addr = "", TLSConfig: tls } = JSON.parse(readFileSync(path, "utf8")) as JsonSpec;
    const found = fromAddress(Name || name, Addr);
    if (!tls || found.url === undefined) return found;
    const text = (file: string | undefined) => (file ? readFileSync(file, "utf8") : undefined);
    const files = { ca: text(tls.CAFile), cert: text(tls.CertFile), key: text(tls.KeyFile) };
    return {
      ...found,
      url: found.url.replace(/^http:/, "https:"),
      tls: { rejectUnauthorized: !tls.InsecureSkipVerify, ...definedOnly(files) },
    };
  } catch (error) {
    throw internal(`plugin ${JSON.stringify(name)}: ${path}: ${messageOf(error)}`, error);
  }
}

function definedOnly<T extends object>(from: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(from).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
