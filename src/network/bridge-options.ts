import { parseBoolean } from "../base/booleans.ts";
import { invalidArgument, messageOf } from "../base/errors.ts";
import { type Family, parseIp } from "../base/ip.ts";

/** How packets get in and out of a bridge. */
export const gatewayModes = ["nat", "nat-unprotected", "routed", "isolated"] as const;
export type GatewayMode = (typeof gatewayModes)[number];

/** The options of the bridge driver, decoded. */
export interface BridgeOptions {
  /** The bridge's name; one is made up where none is asked for. */
  name: string | undefined;
  icc: boolean;
  masquerade: boolean;
  /** The host address for ports that are published without one. */
  hostBinding: string | undefined;
  mtu: number | undefined;
  /** The bridge gets no IPv4 address. */
  inhibitIPv4: boolean;
  modes: Record<Family, GatewayMode>;
  /** From these interfaces of the host containers are reached directly. */
  trustedInterfaces: string[];
  /** What the names of the containers' interfaces begin with. */
  interfacePrefix: string;
}

export const bridgeOption = (name: string) => `com.docker.network.bridge.${name}`;
export const driverOption = (name: string) => `com.docker.network.driver.${name}`;

const interfaceName = /^[^\s/:]{1,15}$/;

/** Throws `invalidArgument` for an option that says nothing understandable. */
export function parseBridgeOptions(network: {
  options: Readonly<Record<string, string>>;
  internal: boolean;
}): BridgeOptions {
  const { options, internal } = network;
  const name = options[bridgeOption("name")];
  if (name && !interfaceName.test(name)) {
    throw invalidArgument(`invalid bridge name ${JSON.stringify(name)}: it must have 1 to 15 characters`);
  }
  const binding = options[bridgeOption("host_binding_ipv4")] || undefined;
  if (binding !== undefined && parseIp(binding)?.family !== 4) {
    throw invalidArgument(`failed to parse ${bridgeOption("host_binding_ipv4")} value: ${binding} (nil ip)`);
  }
  const trusted = options[bridgeOption("trusted_host_interfaces")] ?? "";
  return {
    name: name || undefined,
    icc: flag(options, bridgeOption("enable_icc"), true),
    masquerade: flag(options, bridgeOption("enable_ip_masquerade"), true),
    hostBinding: binding,
    mtu: mtuOf(options),
    inhibitIPv4: flag(options, bridgeOption("inhibit_ipv4"), false),
    modes: { 4: modeOf(options, 4, internal), 6: modeOf(options, 6, internal) },
    trustedInterfaces: trusted.split(":").filter((one) => one !== ""),
    interfacePrefix: options["com.docker.network.container_iface_prefix"] || "eth",
  };
}

/** `com.docker.network.driver.mtu`, in bytes. */
export function mtuOf(options: Readonly<Record<string, string>>): number | undefined {
  const text = options[driverOption("mtu")];
  if (!text) return undefined;
  if (!/^\d+$/.test(text)) {
    throw invalidArgument(
      `failed to parse ${driverOption("mtu")} value: ${text} (strconv.Atoi: parsing "${text}": invalid syntax)`,
    );
  }
  return Number(text) || undefined;
}

function flag(options: Readonly<Record<string, string>>, key: string, initial: boolean): boolean {
  const text = options[key];
  if (text === undefined || text === "") return initial;
  try {
    return parseBoolean(text);
  } catch (error) {
    throw invalidArgument(`failed to parse ${key} value: ${text} (${messageOf(error)})`, error);
  }
}

function modeOf(options: Readonly<Record<string, string>>, family: Family, internal: boolean): GatewayMode {
  const option = bridgeOption(`gateway_mode_ipv${family}`);
  const text = options[option] || "nat";
  const mode = gatewayModes.find((one) => one === text);
  if (!mode) throw invalidArgument(`failed to parse ${option} value: ${text} (unknown gateway mode ${text})`);
  if (mode === "isolated" && !internal) {
    throw invalidArgument("gateway mode 'isolated' can only be used for an internal network");
  }
  return mode;
}
