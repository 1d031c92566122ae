import { invalidArgument } from "../../base/errors.ts";

const defaultSocket = "/var/run/docker.sock";

export type ListenAddress =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "fd"; readonly name: string };

/** An address that `-H` takes; "" is the default one. Throws `invalidArgument`. */
export function parseListenAddress(text: string, tls: boolean): ListenAddress {
  const value = text.trim();
  if (value === "") {
    return tls ? { kind: "tcp", host: "127.0.0.1", port: 2376 } : { kind: "unix", path: defaultSocket };
  }
  const [, scheme = "tcp", rest = value] = /^([^:/]*):\/\/(.*)$/s.exec(value) ?? [];
  switch (scheme) {
    case "unix":
      if (rest.includes("://")) throw badAddress(value);
      return { kind: "unix", path: rest === "" ? defaultSocket : rest };
    case "fd":
      return { kind: "fd", name: rest };
    case "tcp":
      return parseTcp(rest, value, tls);
    default:
      throw badAddress(value);
  }
}

function badAddress(value: string) {
  return invalidArgument(`invalid bind address format: ${value}`);
}

function parseTcp(rest: string, value: string, tls: boolean): ListenAddress {
  const match = /^(\[[0-9a-fA-F:.%a-z]+\]|[^:/[\]]*)(?::([^/]*))?\/?$/.exec(rest);
  if (!match) throw badAddress(value);
  const host = (match[1] ?? "").replace(/^\[|\]$/g, "");
  const port = match[2] === undefined || match[2] === "" ? (tls ? 2376 : 2375) : Number(match[2]);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw invalidArgument(`parse "${value}": invalid port ":${match[2]}" after host`);
  }
  return { kind: "tcp", host: host === "" || host === "localhost" ? "127.0.0.1" : host, port };
}
