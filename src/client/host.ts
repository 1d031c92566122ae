import { invalidArgument } from "../base/errors.ts";

export const defaultHost = "unix:///var/run/docker.sock";

export type HostAddress =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | {
      readonly kind: "ssh";
      readonly host: string;
      readonly user: string | undefined;
      readonly port: number | undefined;
      /** Socket on the other host, where it is not the default one. */
      readonly path: string | undefined;
    };

/** `unix:///path`, `tcp://host[:port]` (2375, with TLS 2376), `http(s)://…`, `ssh://[user@]host[:port][/path]`. */
export function parseHostAddress(text: string, tls: boolean): HostAddress {
  const [, scheme = "", rest = ""] = /^([a-z]+):\/\/(.*)$/s.exec(text) ?? [];
  switch (scheme) {
    case "unix":
      return { kind: "unix", path: rest === "" ? "/var/run/docker.sock" : rest };
    case "tcp":
    case "http":
    case "https": {
      const url = urlOf(`http://${rest}`, text);
      const host = url.hostname.replace(/^\[|\]$/g, "");
      // URL drops the port 80.
      const port = /:(\d+)(?:\/|$)/.exec(rest)?.[1];
      return { kind: "tcp", host: host || "localhost", port: port ? Number(port) : tls ? 2376 : 2375 };
    }
    case "ssh": {
      const url = urlOf(text, text);
      if (url.password !== "")
        throw invalidArgument("ssh host connection is not valid: plain-text password is not supported");
      if (url.hostname === "" || url.hostname.startsWith("-")) {
        throw invalidArgument("ssh host connection is not valid: no host specified");
      }
      return {
        kind: "ssh",
        host: url.hostname,
        user: url.username === "" ? undefined : decodeURIComponent(url.username),
        port: url.port === "" ? undefined : Number(url.port),
        path: url.pathname === "" || url.pathname === "/" ? undefined : decodeURIComponent(url.pathname),
      };
    }
    default:
      throw invalidArgument(`unable to parse docker host ${JSON.stringify(text)}`);
  }
}

function urlOf(url: string, shown: string): URL {
  try {
    return new URL(url);
  } catch (error) {
    throw invalidArgument(`unable to parse docker host ${JSON.stringify(shown)}`, error);
  }
}
