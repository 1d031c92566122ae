import type { PortBinding, PortMap } from "../api/endpoints.ts";
import { invalidArgument } from "../base/errors.ts";
import type { Protocol } from "./firewall.ts";

/** A port of a container that is to be reachable through a port of the host. */
export interface PortRequest {
  /** `80/tcp`, the key of the API's maps. */
  key: string;
  protocol: Protocol;
  containerPort: number;
  /** The addresses that share one port number: `0.0.0.0` and `::` when no address was asked for. */
  hostIps: readonly string[];
  /** Any of these ports will do; undefined: any that is free. */
  hostPorts?: { first: number; last: number };
}

function parseNumber(text: string, what: string): number {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= 0 && number <= 65535)) throw invalidArgument(`invalid ${what} specification: "${text}"`);
  return number;
}

/** `80/tcp` (or `80`, which is TCP) in its parts. */
export function parsePortKey(key: string): { containerPort: number; protocol: Protocol } {
  const [port = "", protocol = "tcp", ...rest] = key.toLowerCase().split("/");
  if (rest.length > 0 || (protocol !== "tcp" && protocol !== "udp" && protocol !== "sctp")) {
    throw invalidArgument(`invalid port specification: "${key}"`);
  }
  return { containerPort: parseNumber(port, "port"), protocol };
}

function parseHostPorts(text: string): { first: number; last: number } | undefined {
  if (text === "" || text === "0") return undefined;
  const [first = "", last = first, ...rest] = text.split("-");
  const range = { first: parseNumber(first, "port"), last: parseNumber(last, "port") };
  if (rest.length > 0 || range.first > range.last)
    throw invalidArgument(`invalid port specification: "${text}"`);
  return range;
}

function byPort(a: string, b: string): number {
  return Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1);
}

/**
 * What the bindings, and with `publishAll` the exposed ports without one, ask for, by container port. `defaultIps` are
 * the host addresses of those that name none.
 */
export function portRequests(
  bindings: PortMap,
  exposed: readonly string[],
  publishAll: boolean,
  defaultIps: readonly string[],
): PortRequest[] {
  const wanted = new Map<string, readonly PortBinding[]>();
  const open: readonly PortBinding[] = [{ HostIp: "", HostPort: "" }];
  for (const key of publishAll ? exposed : []) wanted.set(key, open);
  for (const [key, list] of Object.entries(bindings)) {
    // A key without bindings publishes the port somewhere, as `-p 80` does.
    wanted.set(key, list && list.length > 0 ? list : open);
  }
  return [...wanted]
    .sort(([a], [b]) => byPort(a, b))
    .flatMap(([key, list]) => {
      const port = parsePortKey(key);
      return list.map((binding) => {
        const hostPorts = parseHostPorts(binding.HostPort ?? "");
        return {
          key,
          ...port,
          hostIps: binding.HostIp ? [binding.HostIp] : defaultIps,
          ...(hostPorts && { hostPorts }),
        };
      });
    });
}
