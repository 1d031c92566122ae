import { readFileSync, statSync } from "node:fs";
import { EngineError, invalidArgument, messageOf } from "../../base/errors.ts";

export type SyslogFormat = "" | "rfc3164" | "rfc5424" | "rfc5424micro";

/** Where syslog messages go. Without an address: to this host's own syslog, where it has one. */
export type SyslogAddress =
  | { protocol: "local" }
  | { protocol: "unix" | "unixgram"; path: string }
  | { protocol: "udp" | "tcp" | "tcp+tls"; host: string; port: string };

export interface SyslogOptions {
  address: SyslogAddress;
  /** 0 to 23 (RFC 5424, section 6.2.1). */
  facility: number;
  format: SyslogFormat;
}

type Options = Readonly<Record<string, string>>;

const facilities = [
  ..."kern user mail daemon auth syslog lpr news uucp cron authpriv ftp".split(" "),
  ...["", "", "", ""],
  ...Array.from({ length: 8 }, (_, number) => `local${number}`),
];
const defaultFacility = facilities.indexOf("daemon");
const defaultPort = "514";

/** The options `syslog-*`. Throws `invalidArgument`, in Docker's words. */
export function parseSyslogOptions(options: Options): SyslogOptions {
  const format = options["syslog-format"] ?? "";
  const result = {
    address: parseAddress(options["syslog-address"] ?? ""),
    facility: parseFacility(options["syslog-facility"] ?? ""),
  };
  if (!isFormat(format)) throw invalidArgument("Invalid syslog format");
  return { ...result, format };
}

function isFormat(text: string): text is SyslogFormat {
  return ["", "rfc3164", "rfc5424", "rfc5424micro"].includes(text);
}

function parseFacility(text: string): number {
  if (text === "") return defaultFacility;
  const known = facilities.indexOf(text);
  if (known >= 0) return known;
  const number = /^[+-]?\d+$/.test(text) ? Number(text) : -1;
  if (number < 0 || number > 23) throw invalidArgument("invalid syslog facility");
  return number;
}

function parseAddress(text: string): SyslogAddress {
  if (text === "") return { protocol: "local" };
  const [, protocol = "", rest = ""] = /^(tcp|tcp\+tls|udp|unix|unixgram):\/\/(.*)$/s.exec(text) ?? [];
  if (protocol === "") {
    throw invalidArgument(`syslog-address should be in form proto://address, got ${text}`);
  }
  if (protocol === "unix" || protocol === "unixgram") {
    const [path = ""] = /^[^?#]*/.exec(rest) ?? [];
    if (!statSync(path, { throwIfNoEntry: false })) {
      throw invalidArgument(`stat ${path}: no such file or directory`);
    }
    return { protocol, path };
  }
  const [, bracketed, plain = "", port = defaultPort] =
    /^(?:\[([^\]]*)\]|([^:/?#]*))(?::([^/?#]*))?(?:[/?#].*)?$/s.exec(rest) ?? [];
  const host = bracketed ?? plain;
  if (host === "" && plain === "" && !rest.startsWith(":") && rest !== "") {
    throw invalidArgument(`address ${rest}: too many colons in address`);
  }
  return { protocol: protocol as "udp", host: host || "localhost", port };
}

/** The certificates of `tcp+tls`. */
export interface SyslogTls {
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
  verify: boolean;
}

/** Reads the files of `syslog-tls-*`. Throws `invalidArgument`, in Docker's words. */
export function readSyslogTls(options: Options): SyslogTls {
  const ca = options["syslog-tls-ca-cert"];
  const cert = options["syslog-tls-cert"];
  const key = options["syslog-tls-key"];
  const pair = (path: string) => readPem(path, "could not load X509 key pair: ");
  return {
    ...(ca ? { ca: readPem(ca, `could not read CA certificate ${JSON.stringify(ca)}: `) } : {}),
    ...(cert && key ? { cert: pair(cert), key: pair(key) } : {}),
    // As in Docker, that it is there is what counts.
    verify: options["syslog-tls-skip-verify"] === undefined,
  };
}

function readPem(path: string, prefix: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new EngineError("invalidArgument", `${prefix}open ${path}: ${goErrno(error)}`, { cause: error });
  }
}

/** A system's error as Go tells it: `no such file or directory`. */
export function goErrno(error: unknown): string {
  const message = messageOf(error);
  return /^[A-Z0-9]+: ([^,]*),/.exec(message)?.[1] ?? message;
}
