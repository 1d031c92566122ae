import { internal, messageOf } from "../base/errors.ts";
import { cryptoRandom } from "../base/ids.ts";
import { addressIn, formatPrefix, overlaps, type Prefix, parsePrefix, sameIp } from "../base/ip.ts";
import type { Logger } from "../base/log.ts";
import { addAddress, listAddresses, listRoutes } from "../linux/addresses.ts";
import { createBridge, deleteLink, findLink, type Link, linkUp, listLinks } from "../linux/links.ts";
import type { NetlinkSocket } from "../linux/netlink.ts";
import { readSysctl, writeSysctl } from "../linux/sysctl.ts";
import { bridgePools, chooseSubnet, poolsOf } from "./subnets.ts";
import { defaultMtu, type NetworkConfig } from "./types.ts";

/** By what a bridge is known again. */
export interface BridgeIdentity {
  bridge: string;
  mac: string;
  /** Made by this daemon; else by the administrator. */
  ours: boolean;
}

/** What is remembered of the default bridge from one daemon to the next. */
export interface BridgeSettings extends BridgeIdentity {
  /** The bridge's own address, as in `172.17.0.1/16`. */
  gateway: string;
  /** As in `fd00::1/64`, where the default bridge has IPv6. */
  gateway6?: string;
}

export interface BridgeRequest {
  host: NetlinkSocket;
  config: NetworkConfig;
  stored: BridgeSettings | undefined;
  /** Containers are connected to the stored bridge: it has to stay as it is. */
  inUse: boolean;
  /** A subnet for IPv6, where the configuration asks for IPv6 and says none. */
  chooseIPv6(): Prefix;
  /** Called before anything is made. */
  remember(settings: BridgeSettings): void;
  log: Logger;
}

/**
 * Finds or makes the default bridge, with its addresses, and up. The caller holds the lock on choosing names and
 * subnets.
 */
export function openBridge(request: BridgeRequest): { settings: BridgeSettings; link: Link } {
  const { host, config } = request;
  const settings = withIPv6(request, config.bridge ? administered(request, config.bridge) : own(request));
  request.remember(settings);
  const gateways = [settings.gateway, settings.gateway6].filter((text) => text !== undefined);
  return { settings, link: bringUpBridge(host, settings.bridge, gateways.map(parsePrefix)) };
}

/** Gives a bridge those of `addresses` that it does not have, and brings it up. */
export function bringUpBridge(host: NetlinkSocket, bridge: string, addresses: readonly Prefix[]): Link {
  const link = findLink(host, bridge);
  if (!link) throw internal(`the bridge ${bridge} is gone`);
  if (addresses.some(({ family }) => family === 6)) {
    const disabled = `net/ipv6/conf/${bridge}/disable_ipv6`;
    if (readSysctl(disabled) !== undefined) writeSysctl(disabled, "0");
    // While it looks for duplicates of its link-local address, which takes two seconds, it asks for no container.
    const search = `net/ipv6/conf/${bridge}/accept_dad`;
    if (readSysctl(search) !== undefined) writeSysctl(search, "0");
  }
  const present = listAddresses(host).filter(({ index }) => index === link.index);
  for (const address of addresses) {
    if (present.some((one) => sameIp(one.address, address))) continue;
    host.request(addAddress(link.index, address));
  }
  if (!link.up) host.request(linkUp(link.name));
  return link;
}

function withIPv6({ config, stored, chooseIPv6 }: BridgeRequest, settings: BridgeSettings): BridgeSettings {
  const { gateway6: _, ...rest } = settings;
  if (!config.ipv6) return rest;
  if (config.bip6) return { ...rest, gateway6: config.bip6 };
  const fixed = config.fixedCidr6 ? parsePrefix(config.fixedCidr6) : undefined;
  if (!fixed && stored?.gateway6) return { ...rest, gateway6: stored.gateway6 };
  const subnet = fixed ?? chooseIPv6();
  return { ...rest, gateway6: formatPrefix({ ...addressIn(subnet, 1n), length: subnet.length }) };
}

function administered({ host, config, stored }: BridgeRequest, name: string): BridgeSettings {
  const link = findLink(host, name);
  if (!link) {
    throw internal(
      `Error initializing network controller: error creating default "bridge" network: bridge device with non default name ${name} must be created manually`,
    );
  }
  const found = listAddresses(host).find(
    ({ index, address }) => index === link.index && address.family === 4,
  )?.address;
  const again = stored?.bridge === name ? parsePrefix(stored.gateway) : undefined;
  const gateway = found ?? again ?? freeGateway(host, config);
  return { bridge: name, gateway: formatPrefix(gateway), mac: link.mac, ours: false };
}

function own(request: BridgeRequest): BridgeSettings {
  const { host, config, stored, inUse, log } = request;
  const link = stored?.ours ? findLink(host, stored.bridge) : undefined;
  // After a reboot another daemon may have made a bridge of that name: the MAC address tells.
  if (stored && link?.kind === "bridge" && link.mac === stored.mac) {
    if (config.bip === undefined || samePrefix(config.bip, stored.gateway)) return stored;
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

const samePrefix = (a: string, b: string) => formatPrefix(parsePrefix(a)) === formatPrefix(parsePrefix(b));

/** A MAC address of our own, for a bridge. */
export function randomMac(): string {
  return `02:42:${Array.from(cryptoRandom(4), (byte) => byte.toString(16).padStart(2, "0")).join(":")}`;
}

function create({ host, config, stored, remember }: BridgeRequest): BridgeSettings {
  const names = new Set(listLinks(host).map(({ name }) => name));
  let number = 0;
  while (names.has(`longshore${number}`)) number++;
  const previous = stored?.ours ? stored : undefined;
  const name = previous && !names.has(previous.bridge) ? previous.bridge : `longshore${number}`;
  const gateway = config.bip ? parsePrefix(config.bip) : freeGateway(host, config, previous?.gateway);
  const settings = { bridge: name, gateway: formatPrefix(gateway), mac: randomMac(), ours: true };
  remember(settings);
  try {
    host.request(createBridge(name, { mac: settings.mac, mtu: config.mtu ?? defaultMtu }));
  } catch (error) {
    throw internal(
      `Error initializing network controller: error creating default "bridge" network: ${messageOf(error)}`,
      error,
    );
  }
  return settings;
}

/**
 * A route to everything, or to a part of it that is larger than any range for private use: VPNs have two or more such in
 * place of a default one. It claims none of these addresses for itself.
 */
export const isDefaultLike = ({ family, length }: Prefix) => length < (family === 4 ? 8 : 16);

/** What the host knows of: its own addresses, and its routes but for the default ones. */
export function knownPrefixes(host: NetlinkSocket): Prefix[] {
  return [
    ...listAddresses(host).map(({ address }) => address),
    ...listRoutes(host)
      .map(({ destination }) => destination)
      .filter((destination) => !isDefaultLike(destination)),
  ];
}

/** The first address of a subnet that nothing on this host knows; the one from last time when that is still free. */
function freeGateway(host: NetlinkSocket, config: NetworkConfig, last?: string): Prefix {
  const taken = knownPrefixes(host);
  if (last !== undefined && !taken.some((other) => overlaps(parsePrefix(last), other)))
    return parsePrefix(last);
  const subnet = chooseSubnet(taken, poolsOf(config, 4) ?? bridgePools);
  return { ...addressIn(subnet, 1n), length: subnet.length };
}
