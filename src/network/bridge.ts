import { internal, messageOf } from "../base/errors.ts";
import { cryptoRandom } from "../base/ids.ts";
import { type Cidr, formatCidr, networkOf, overlaps, parseCidr } from "../base/ipv4.ts";
import type { Logger } from "../base/log.ts";
import { addAddress, listAddresses, listRoutes } from "../linux/addresses.ts";
import { createBridge, deleteLink, findLink, type Link, linkUp, listLinks } from "../linux/links.ts";
import type { NetlinkSocket } from "../linux/netlink.ts";
import { chooseSubnet, type SubnetPool } from "./subnets.ts";
import type { NetworkConfig } from "./types.ts";

/** What is remembered of the default bridge from one daemon to the next. */
export interface BridgeSettings {
  bridge: string;
  /** The bridge's own address, as in `172.17.0.1/16`. */
  gateway: string;
  mac: string;
  /** Made by this daemon; else by the administrator. */
  ours: boolean;
}

export interface BridgeRequest {
  host: NetlinkSocket;
  config: NetworkConfig;
  stored: BridgeSettings | undefined;
  /** Containers are connected to the stored bridge: it has to stay as it is. */
  inUse: boolean;
  /** Called before anything is made. */
  remember(settings: BridgeSettings): void;
  log: Logger;
}

export const defaultMtu = 1500;

/**
 * Finds or makes the default bridge, with its address, and up. The caller holds the lock on choosing names and subnets.
 */
export function openBridge(request: BridgeRequest): { settings: BridgeSettings; link: Link } {
  const { host, config } = request;
  const settings = config.bridge ? administered(request, config.bridge) : own(request);
  const link = findLink(host, settings.bridge);
  if (!link) throw internal(`the bridge ${settings.bridge} is gone`);
  const addresses = listAddresses(host).filter(({ index }) => index === link.index);
  const gateway = parseCidr(settings.gateway);
  if (!addresses.some(({ cidr }) => cidr.address === gateway.address)) {
    host.request(addAddress(link.index, gateway));
  }
  if (!link.up) host.request(linkUp(link.name));
  return { settings, link };
}

function administered({ host, config, stored, remember }: BridgeRequest, name: string): BridgeSettings {
  const link = findLink(host, name);
  if (!link) {
    throw internal(
      `Error initializing network controller: error creating default "bridge" network: bridge device with non default name ${name} must be created manually`,
    );
  }
  const cidr = listAddresses(host).find(({ index }) => index === link.index)?.cidr;
  const again = stored?.bridge === name ? parseCidr(stored.gateway) : undefined;
  const gateway = cidr ?? again ?? freeGateway(host, config);
  const settings = { bridge: name, gateway: formatCidr(gateway), mac: link.mac, ours: false };
  remember(settings);
  return settings;
}

function own(request: BridgeRequest): BridgeSettings {
  const { host, config, stored, inUse, log } = request;
  const link = stored?.ours ? findLink(host, stored.bridge) : undefined;
  // After a reboot another daemon may have made a bridge of that name: the MAC address tells.
  if (stored && link?.kind === "bridge" && link.mac === stored.mac) {
    if (config.bip === undefined || sameCidr(config.bip, stored.gateway)) return stored;
    if (inUse) {
      log.warn("containers run on the default bridge: its new address is taken when they have stopped", {
        bip: config.bip,
      });
      return stored;
    }
    deleteLink(host, stored.bridge);
  }
  return create(request);
}

const sameCidr = (a: string, b: string) => formatCidr(parseCidr(a)) === formatCidr(parseCidr(b));

function create({ host, config, stored, remember }: BridgeRequest): BridgeSettings {
  const names = new Set(listLinks(host).map(({ name }) => name));
  let number = 0;
  while (names.has(`longshore${number}`)) number++;
  const previous = stored?.ours ? stored : undefined;
  const name = previous && !names.has(previous.bridge) ? previous.bridge : `longshore${number}`;
  const gateway = config.bip ? parseCidr(config.bip) : freeGateway(host, config, previous?.gateway);
  const mac = `02:42:${Array.from(cryptoRandom(4), (byte) => byte.toString(16).padStart(2, "0")).join(":")}`;
  const settings = { bridge: name, gateway: formatCidr(gateway), mac, ours: true };
  remember(settings);
  try {
    host.request(createBridge(name, { mac, mtu: config.mtu ?? defaultMtu }));
  } catch (error) {
    throw internal(
      `Error initializing network controller: error creating default "bridge" network: ${messageOf(error)}`,
      error,
    );
  }
  return settings;
}

/** The first address of a subnet that nothing on this host knows; the one from last time when that is still free. */
function freeGateway(host: NetlinkSocket, config: NetworkConfig, last?: string): Cidr {
  const taken = [
    ...listAddresses(host).map(({ cidr }) => cidr),
    ...listRoutes(host)
      .map(({ destination }) => destination)
      .filter(({ prefix }) => prefix > 0),
  ];
  if (last !== undefined && !taken.some((other) => overlaps(parseCidr(last), other))) return parseCidr(last);
  const pools: SubnetPool[] | undefined = config.defaultAddressPools?.map(({ base, size }) => ({
    base: networkOf(parseCidr(base)),
    size,
  }));
  const subnet = chooseSubnet(taken, pools);
  return { address: subnet.address + 1, prefix: subnet.prefix };
}
