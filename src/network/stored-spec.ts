import { formatIp, formatPrefix, maskedPrefix, parsePrefix } from "../base/ip.ts";
import type { NetworkRow } from "../store/networks.ts";
import type { BridgeIdentity, BridgeSettings } from "./bridge.ts";
import { bridgeOption, driverOption } from "./bridge-options.ts";
import type { NetworkSpec } from "./spec.ts";
import type { SubnetSpec } from "./subnet-specs.ts";
import { defaultMtu, type NetworkConfig } from "./types.ts";

/** What the row of a network holds that somebody created. */
export interface StoredNetwork {
  spec: NetworkSpec;
  /** Of the bridge driver. */
  identity?: BridgeIdentity;
}

export const predefinedNames: readonly string[] = ["bridge", "host", "none"];

export const storedNetwork = (row: NetworkRow) => JSON.parse(row.settings) as StoredNetwork;

/** What a network is, by its row; of the predefined ones, what the configuration makes of them. */
export function specOf(row: NetworkRow, config: NetworkConfig): NetworkSpec {
  if (!predefinedNames.includes(row.name)) return storedNetwork(row).spec;
  if (row.driver === "bridge") return defaultBridgeSpec(JSON.parse(row.settings) as BridgeSettings, config);
  return { ...plainSpec, driver: row.driver, ipamOptions: null };
}

const plainSpec: NetworkSpec = {
  driver: "null",
  ipv4: true,
  ipv6: false,
  internal: false,
  attachable: false,
  configOnly: false,
  configFrom: "",
  options: {},
  labels: {},
  ipamDriver: "default",
  ipamOptions: null,
  subnets: [],
};

/** The default bridge, described as any other bridge network. */
export function defaultBridgeSpec(settings: BridgeSettings, config: NetworkConfig): NetworkSpec {
  const subnets = [subnetOf(settings.gateway, config.fixedCidr)];
  if (settings.gateway6) subnets.push(subnetOf(settings.gateway6, undefined));
  return {
    ...plainSpec,
    driver: "bridge",
    ipv6: settings.gateway6 !== undefined,
    subnets,
    options: {
      [bridgeOption("default_bridge")]: "true",
      [bridgeOption("enable_icc")]: String(config.icc ?? true),
      [bridgeOption("enable_ip_masquerade")]: String(config.ipMasq ?? true),
      [bridgeOption("host_binding_ipv4")]: config.ip ?? "0.0.0.0",
      [bridgeOption("name")]: settings.bridge,
      [driverOption("mtu")]: String(config.mtu ?? defaultMtu),
    },
  };
}

function subnetOf(gateway: string, range: string | undefined): SubnetSpec {
  const prefix = parsePrefix(gateway);
  return {
    subnet: formatPrefix(maskedPrefix(prefix)),
    gateway: formatIp(prefix),
    asked: false,
    ...(range !== undefined && { range }),
  };
}
