import { newId } from "../base/ids.ts";
import { parseIp } from "../base/ip.ts";
import { lockInNetns } from "../linux/abstract-lock.ts";
import type { NetlinkSocket } from "../linux/netlink.ts";
import type { NetworkRow } from "../store/networks.ts";
import { type BridgeSettings, knownPrefixes, openBridge } from "./bridge.ts";
import { BridgeNetwork, bridgeResources, removeFormerBridge } from "./bridge-network.ts";
import type { NetworkSet } from "./network-set.ts";
import { defaultBridgeSpec } from "./stored-spec.ts";
import { chooseSubnet, poolsOf, ulaPool } from "./subnets.ts";
import type { NetworkDependencies } from "./types.ts";

export interface DefaultBridgeInput extends NetworkDependencies {
  host: NetlinkSocket;
  networks: NetworkSet;
  /** As it was at the last time. */
  row: NetworkRow | undefined;
  /** Containers are connected to it. */
  inUse: boolean;
}

/** Finds or makes the default bridge and puts it to use. Throws what keeps it from working. */
export async function openDefaultBridge(input: DefaultBridgeInput): Promise<BridgeNetwork> {
  const { config, database, resources, log, host, networks, row, inUse } = input;
  const stored = row && (JSON.parse(row.settings) as BridgeSettings);
  const remember = (settings: BridgeSettings) =>
    database.transaction(() => {
      networks.predefine("bridge", "bridge", settings);
      resources.claim(...bridgeResources(settings));
    });
  const chooseIPv6 = () =>
    chooseSubnet(knownPrefixes(host), poolsOf(config, 6) ?? [ulaPool(newId().slice(0, 10))]);
  using _lock = await lockInNetns("longshore-bridges");
  const { settings, link } = openBridge({ host, config, stored, inUse, chooseIPv6, remember, log });
  const bridgeRow = networks.predefine("bridge", "bridge", settings);
  if (stored?.ours && stored.bridge !== settings.bridge && !inUse) {
    removeFormerBridge(host, stored);
    resources.release(...bridgeResources(stored));
  }
  const gateways = [config.defaultGateway, config.defaultGateway6].flatMap(
    (text) => parseIp(text ?? "") ?? [],
  );
  const bridge = new BridgeNetwork({
    nft: networks.nft,
    host,
    config,
    row: bridgeRow,
    spec: defaultBridgeSpec(settings, config),
    identity: settings,
    link,
    gateways: Object.fromEntries(gateways.map((ip) => [ip.family, ip])),
    isTold: (name) => networks.isTold(name),
    log,
  });
  networks.use(bridge);
  return bridge;
}
