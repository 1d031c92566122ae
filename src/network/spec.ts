import type { NetworkCreateRequest } from "../api/networks.ts";
import { forbidden, invalidArgument, unavailable } from "../base/errors.ts";
import type { Family } from "../base/ip.ts";
import { parseBridgeOptions } from "./bridge-options.ts";
import { checkSubnets, type SubnetSpec } from "./subnet-specs.ts";
import { parseVlanOptions } from "./vlan-options.ts";

/** The drivers that are part of the daemon; any other one is a plugin. */
export const networkDrivers: readonly string[] = ["bridge", "host", "ipvlan", "macvlan", "null"];

/** What was asked for, and what was chosen where nothing was: a network, as it is kept. */
export interface NetworkSpec {
  /** One of `networkDrivers`, or the name of a plugin. */
  driver: string;
  ipv4: boolean;
  ipv6: boolean;
  internal: boolean;
  attachable: boolean;
  /** It holds settings for others, and nothing can be connected to it. */
  configOnly: boolean;
  /** The network that its settings were taken from; empty for none. */
  configFrom: string;
  options: Record<string, string>;
  labels: Record<string, string>;
  ipamDriver: string;
  ipamOptions: Record<string, string> | null;
  subnets: SubnetSpec[];
}

/** A request that has been checked; of the families without a subnet one is to be chosen. */
export interface PlannedNetwork {
  name: string;
  spec: NetworkSpec;
  /** Nobody said whether it has IPv6: it has, where it can. */
  ipv6IfPossible: boolean;
}

/** The families of a network. */
export function familiesOf({ ipv4, ipv6 }: Pick<NetworkSpec, "ipv4" | "ipv6">): Family[] {
  return [...(ipv4 ? [4 as const] : []), ...(ipv6 ? [6 as const] : [])];
}

/**
 * Checks `POST /networks/create`, in Docker's words: `invalidArgument`, `notFound` for the driver, `unavailable` for
 * what needs a swarm.
 */
export function planNetwork(
  request: NetworkCreateRequest,
  defaults: Readonly<Record<string, Readonly<Record<string, string>>>> = {},
): PlannedNetwork {
  const name = request.Name ?? "";
  if (name.trim() === "") throw invalidArgument("invalid name: name is empty");
  const driver = driverOf(request);
  const { IPAM: ipam } = request;
  const ipamDriver = ipam?.Driver || "default";
  const given = request.EnableIPv6 ?? undefined;
  const spec: NetworkSpec = {
    driver,
    ipv4: request.EnableIPv4 ?? true,
    ipv6: given ?? false,
    internal: request.Internal ?? false,
    attachable: request.Attachable ?? false,
    configOnly: request.ConfigOnly ?? false,
    configFrom: request.ConfigFrom?.Network ?? "",
    options: { ...defaults[driver], ...request.Options },
    labels: request.Labels ?? {},
    ipamDriver,
    ipamOptions: ipam?.Options ?? null,
    subnets: checkSubnets(ipam?.Config ?? [], given !== false),
  };
  const asked6 = spec.subnets.some(({ subnet }) => subnet.includes(":"));
  if (asked6 && given === undefined) spec.ipv6 = true;
  checkFamilies(spec);
  checkConfig(spec, request);
  return {
    name,
    spec,
    ipv6IfPossible:
      given === undefined &&
      driver === "bridge" &&
      spec.subnets.length === 0 &&
      spec.configFrom === "" &&
      spec.ipv4,
  };
}

function driverOf({ Driver, Ingress, Scope, ConfigOnly }: NetworkCreateRequest): string {
  if (ConfigOnly) return "null";
  const driver = Driver || "bridge";
  if (Scope === "swarm") throw forbidden("cannot create a swarm scoped network when swarm is not active");
  if (driver === "overlay" || Ingress) {
    throw unavailable(
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    );
  }
  if (driver === "host" || driver === "null") {
    throw invalidArgument(`only one instance of "${driver}" network is allowed`);
  }
  return driver;
}

function checkFamilies({ ipv4, ipv6, driver }: NetworkSpec): void {
  if (!ipv4 && !ipv6 && driver !== "macvlan" && driver !== "ipvlan") {
    throw invalidArgument("IPv4 or IPv6 must be enabled");
  }
}

/** What a network with only settings for others can say, and what one can that takes its settings from there. */
function checkConfig(
  spec: NetworkSpec,
  { Options, Labels, EnableIPv6, Scope, Ingress }: NetworkCreateRequest,
): void {
  const has = (map: object | null | undefined) => Object.keys(map ?? {}).length > 0;
  if (spec.configOnly && (Ingress || spec.internal || spec.attachable || (Scope ?? "") !== "")) {
    throw forbidden(
      "configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.",
    );
  }
  if (spec.configOnly && spec.configFrom !== "") {
    throw invalidArgument("a configuration network cannot depend on another configuration network");
  }
  if (spec.configFrom !== "") {
    const ipam = spec.ipamDriver !== "default" || has(spec.ipamOptions) || spec.subnets.length > 0;
    if (ipam || EnableIPv6 || has(Labels)) throw forbidden(takenFromConfig("user specified configurations"));
    if (has(Options)) throw forbidden(takenFromConfig("network driver options"));
  }
  checkOptions(spec);
}

const takenFromConfig = (what: string) =>
  `${what} are not supported if the network depends on a configuration network`;

/** Throws `invalidArgument` for options that the driver cannot follow. */
export function checkOptions(spec: NetworkSpec): void {
  if (spec.driver === "bridge") parseBridgeOptions(spec);
  if (spec.driver === "macvlan" || spec.driver === "ipvlan") parseVlanOptions(spec);
}
