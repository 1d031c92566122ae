import { rfc3339Nano, systemClock } from "../base/clock.ts";
import {
  conflict,
  EngineError,
  forbidden,
  internal,
  invalidArgument,
  isEngineError,
  messageOf,
  notFound,
} from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { type Family, formatPrefix, overlaps, type Prefix, parsePrefix } from "../base/ip.ts";
import type { Logger } from "../base/log.ts";
import { lockInNetns } from "../linux/abstract-lock.ts";
import { hasIPv6 } from "../linux/inet-socket.ts";
import { createBridge, deleteLink, findLink } from "../linux/links.ts";
import type { NetlinkSocket } from "../linux/netlink.ts";
import { Nftables } from "../linux/nftables.ts";
import type { Plugins } from "../plugins/client.ts";
import type { Database } from "../store/database.ts";
import { type NetworkRow, NetworkTable } from "../store/networks.ts";
import type { ResourceTable } from "../store/resources.ts";
import { type BridgeIdentity, bringUpBridge, knownPrefixes, randomMac } from "./bridge.ts";
import {
  BridgeNetwork,
  bridgeResources,
  hostAddressesOf,
  removeBridgeRules,
  removeFormerBridge,
} from "./bridge-network.ts";
import { parseBridgeOptions } from "./bridge-options.ts";
import type { LiveNetwork } from "./live-network.ts";
import { checkKept } from "./network-addresses.ts";
import { createRemoteNetwork } from "./remote/driver.ts";
import { ownIpam, requestPools } from "./remote/ipam.ts";
import { PluginNetwork } from "./remote/plugin-network.ts";
import type { RemoteRecords } from "./remote/records.ts";
import type { BridgedNetwork } from "./route-conflicts.ts";
import { familiesOf, type NetworkSpec, networkDrivers, type PlannedNetwork } from "./spec.ts";
import { predefinedNames, type StoredNetwork, specOf, storedNetwork } from "./stored-spec.ts";
import { withGateway } from "./subnet-specs.ts";
import { chooseSubnet, networkPools, poolsOf, type SubnetPool } from "./subnets.ts";
import { defaultMtu, type NetworkConfig } from "./types.ts";
import { makeParent, VlanNetwork, vlanResources } from "./vlan-network.ts";
import { checkPassthru, parseVlanOptions } from "./vlan-options.ts";

export interface NetworkSetDependencies {
  database: Database;
  resources: ResourceTable;
  host: NetlinkSocket;
  config: NetworkConfig;
  log: Logger;
  /** Where subnets for IPv6 come from that nobody chose. */
  ula: SubnetPool;
  records: RemoteRecords;
  plugins: Plugins;
  /** As in `BridgeNetworkOptions`. */
  isTold: (bridge: string) => boolean;
  /** A bridge has been taken down. */
  gone: (bridge: string) => void;
}

/** All networks: their rows, and those that are in use. */
export class NetworkSet implements Disposable {
  readonly #deps: NetworkSetDependencies;
  readonly #table: NetworkTable;
  readonly #rows = new Map<string, NetworkRow>();
  readonly #live = new Map<string, LiveNetwork>();
  /** The host's firewall, one for all networks; undefined where there are to be no rules. */
  readonly nft: Nftables | undefined;

  constructor(deps: NetworkSetDependencies) {
    this.#deps = deps;
    this.nft = deps.config.iptables === false ? undefined : new Nftables();
    this.#table = new NetworkTable(deps.database);
  }

  [Symbol.dispose](): void {
    for (const network of this.live()) network[Symbol.dispose]();
    this.nft?.[Symbol.dispose]();
  }

  rows(): NetworkRow[] {
    return [...this.#rows.values()];
  }

  live(): LiveNetwork[] {
    return [...this.#live.values()];
  }

  /** Those that have a bridge. */
  bridged(): BridgedNetwork[] {
    return this.live().flatMap((network) => {
      if (!(network instanceof BridgeNetwork)) return [];
      const { row, identity, spec } = network;
      const subnets = spec.subnets.map(({ subnet }) => parsePrefix(subnet));
      return [{ name: row.name, bridge: identity.bridge, subnets }];
    });
  }

  /** Undefined for `host`, `none`, and what could not be brought up. */
  liveOf(id: string): LiveNetwork | undefined {
    return this.#live.get(id);
  }

  get(id: string): NetworkRow | undefined {
    return this.#rows.get(id);
  }

  /** Of a network that is gone, its id. */
  nameOf(id: string): string {
    return this.#rows.get(id)?.name ?? id;
  }

  named(name: string): NetworkRow | undefined {
    return this.rows().find((row) => row.name === name);
  }

  /** As `find`; undefined when there is none. */
  tryFind(reference: string): NetworkRow | undefined {
    try {
      return this.find(reference);
    } catch (error) {
      if (isEngineError(error, "notFound")) return undefined;
      throw error;
    }
  }

  /** By name, id, or the beginning of an id. Throws `notFound`, or `invalidArgument` when several match. */
  find(reference: string): NetworkRow {
    const exact = this.#rows.get(reference) ?? this.named(reference === "default" ? "bridge" : reference);
    if (exact) return exact;
    const partial = reference === "" ? [] : this.rows().filter((row) => row.id.startsWith(reference));
    if (partial.length > 1) {
      throw invalidArgument(
        `network ${reference} is ambiguous (${partial.length} matches found on ID prefix)`,
      );
    }
    if (!partial[0]) throw notFound(`network ${reference} not found`);
    return partial[0];
  }

  specOf(row: NetworkRow): NetworkSpec {
    return specOf(row, this.#deps.config);
  }

  /** Writes the row of a predefined network. */
  predefine(name: string, driver: string, settings: unknown = {}): NetworkRow {
    const known = this.#table.network(name);
    const row: NetworkRow = {
      id: known?.id ?? newId(),
      name,
      driver,
      created: known?.created ?? rfc3339Nano(systemClock.nowNanos()),
      settings: JSON.stringify(settings),
    };
    this.#table.putNetwork(row);
    this.#rows.set(row.id, row);
    return row;
  }

  /** Networks take their settings from this one. */
  isConfigOfOthers({ name }: NetworkRow): boolean {
    return this.rows().some((row) => this.specOf(row).configFrom === name);
  }

  /** As in the options. */
  isTold(bridge: string): boolean {
    return this.#deps.isTold(bridge);
  }

  /** Takes a network that has been brought up. */
  use(network: LiveNetwork): void {
    this.#live.get(network.row.id)?.[Symbol.dispose]();
    this.#live.set(network.row.id, network);
  }

  /**
   * Brings up what the rows say, and removes what belongs to networks that have none any more. One that fails does not
   * keep the others from working.
   */
  open(): void {
    for (const row of this.#table.networks()) this.#rows.set(row.id, row);
    for (const row of this.rows()) {
      if (predefinedNames.includes(row.name)) continue;
      try {
        this.#open(row);
      } catch (error) {
        this.#deps.log.error("a network cannot be used", { network: row.name, error: messageOf(error) });
      }
    }
    this.#dropOrphans();
  }

  /** Opens a network that could not be opened before. Throws `forbidden` with what is still missing. */
  openAgain(row: NetworkRow): LiveNetwork {
    try {
      const live = this.#open(row);
      if (live) return live;
    } catch (error) {
      throw forbidden(`network ${row.name} cannot be used: ${messageOf(error)}`);
    }
    throw internal(`network ${row.name} has nothing to be used`);
  }

  #open(row: NetworkRow): LiveNetwork | undefined {
    const { host, config, log, isTold } = this.#deps;
    const { spec, identity } = storedNetwork(row);
    if (spec.configOnly) return undefined;
    if (!networkDrivers.includes(spec.driver)) this.use(new PluginNetwork(host, row, spec));
    else if (!identity) {
      makeParent(host, row, parseVlanOptions(spec));
      this.use(new VlanNetwork(host, row, spec));
    } else {
      const link = makeBridge(host, spec, identity, config);
      this.use(new BridgeNetwork({ nft: this.nft, host, config, row, spec, identity, link, isTold, log }));
    }
    return this.#live.get(row.id);
  }

  /** Kernel objects whose network is gone: a removal, or a creation, that was cut off. */
  #dropOrphans(): void {
    const { host, resources } = this.#deps;
    for (const resource of (["bridge", "link", "nftTable"] as const).flatMap((kind) =>
      resources.ofKind(kind),
    )) {
      if (resource.owner === "" || this.#rows.has(resource.owner)) continue;
      if (resource.kind !== "link") removeBridgeRules(resource.key);
      if (resource.kind !== "nftTable") deleteLink(host, resource.key);
      if (resource.kind === "bridge") this.#deps.gone(resource.key);
      resources.release(resource);
    }
  }

  /** `POST /networks/create`. All or nothing; errors in Docker's words. */
  async create(planned: PlannedNetwork): Promise<NetworkRow> {
    const { name } = planned;
    if (predefinedNames.includes(name)) {
      throw forbidden(`operation is not permitted on predefined ${name} network`);
    }
    using _lock = await lockInNetns("longshore-bridges");
    if (this.named(name)) throw conflict(`network with name ${name} already exists`);
    const id = newId();
    try {
      return await this.#create(id, planned);
    } catch (error) {
      await this.#deps.records.drop(this.#deps.records.of(id));
      throw error;
    }
  }

  async #create(id: string, planned: PlannedNetwork): Promise<NetworkRow> {
    const { name } = planned;
    const { records, plugins } = this.#deps;
    await findDrivers(plugins, planned.spec);
    const spec = await this.#withSubnets(id, planned);
    const stored: StoredNetwork = { spec };
    if (spec.driver === "bridge") stored.identity = this.#newBridge(id, spec);
    if (spec.driver === "macvlan")
      checkPassthru(
        spec,
        this.rows().map((row) => ({ id: row.id, spec: this.specOf(row) })),
      );
    if (!networkDrivers.includes(spec.driver)) await createRemoteNetwork(records, id, spec);
    const row: NetworkRow = {
      id,
      name,
      driver: spec.driver,
      created: rfc3339Nano(systemClock.nowNanos()),
      settings: JSON.stringify(stored),
    };
    return this.#make(row, stored);
  }

  #make(row: NetworkRow, { spec, identity }: StoredNetwork): NetworkRow {
    const { database, resources, host } = this.#deps;
    // The parent may be somebody else's, who would lose it with our network.
    const isVlan = ["macvlan", "ipvlan"].includes(spec.driver);
    const needed = isVlan && !spec.configOnly ? vlanResources(row, spec) : [];
    const links = needed.filter(({ key }) => !findLink(host, key));
    database.transaction(() => {
      this.#table.putNetwork(row);
      resources.claim(...(identity ? bridgeResources(identity, row.id) : links));
    });
    try {
      this.#open(row)?.apply([]);
      this.#rows.set(row.id, row);
      return row;
    } catch (error) {
      this.#forget(row);
      if (error instanceof EngineError) throw error;
      throw internal(`failed to create network ${row.name}: ${messageOf(error)}`, error);
    }
  }

  /** Removes a network that nothing is connected to. Throws what a plugin says that does not let go of it. */
  async remove(row: NetworkRow): Promise<void> {
    for (const thing of this.#deps.records.of(row.id)) await this.#deps.records.takeBack(thing);
    this.#forget(row);
  }

  /** The row first: what is in the kernel is found by its own rows when this is cut off. */
  #forget(row: NetworkRow): void {
    const { resources } = this.#deps;
    this.#table.deleteNetwork(row.id);
    this.#rows.delete(row.id);
    this.takeDown(row);
    resources.release(...resources.ofOwner(row.id));
  }

  /** Removes what a network has in the kernel; its row stays. */
  takeDown(row: NetworkRow): void {
    const { resources, host } = this.#deps;
    const live = this.#live.get(row.id);
    this.#live.delete(row.id);
    live?.remove();
    live?.[Symbol.dispose]();
    const { identity } = storedNetwork(row);
    if (!live && identity) removeFormerBridge(host, identity);
    if (identity) this.#deps.gone(identity.bridge);
    for (const { kind, key } of resources.ofOwner(row.id)) if (kind === "link") deleteLink(host, key);
  }

  #newBridge(id: string, spec: NetworkSpec): BridgeIdentity {
    const asked = parseBridgeOptions(spec).name;
    const bridge = asked ?? `br-${id.slice(0, 12)}`;
    for (const row of this.rows()) {
      const other = row.driver !== "bridge" ? undefined : identityOf(row)?.bridge;
      if (other !== bridge) continue;
      const message = `cannot create network ${id} (${bridge}): conflicts with network ${row.id} (${bridge}): networks have same bridge name`;
      throw forbidden(message);
    }
    const link = findLink(this.#deps.host, bridge);
    if (!link) return { bridge, mac: randomMac(), ours: true };
    if (link.kind !== "bridge")
      throw forbidden(`cannot use ${bridge} as a bridge: it is another kind of interface`);
    return { bridge, mac: link.mac, ours: false };
  }

  /** The settings with a subnet for each family, none of which touches another network's, or the host's routes. */
  async #withSubnets(id: string, { spec: asked, ipv6IfPossible }: PlannedNetwork): Promise<NetworkSpec> {
    const { host, config, ula } = this.#deps;
    const spec = this.#configured(asked);
    if (spec.configOnly || spec.ipamDriver === "null") return spec;
    checkBridgeSubnets(spec);
    if (!ownIpam.includes(spec.ipamDriver)) {
      return { ...spec, subnets: await requestPools(this.#deps.records, spec, id) };
    }
    // What is only written down for others is nobody's yet.
    const used = this.rows().map((row) => this.specOf(row));
    const ours = used.flatMap((one) =>
      one.configOnly ? [] : one.subnets.map(({ subnet }) => parsePrefix(subnet)),
    );
    const subnets = spec.subnets.map(withGateway);
    for (const { subnet } of subnets) {
      if (!ours.some((other) => overlaps(other, parsePrefix(subnet)))) continue;
      throw forbidden("invalid pool request: Pool overlaps with other one on this address space");
    }
    const ipv6 = spec.ipv6 || (ipv6IfPossible && hasIPv6());
    const known = [...ours, ...knownPrefixes(host)];
    const choose = (family: Family): Prefix =>
      chooseSubnet(known, poolsOf(config, family) ?? (family === 4 ? networkPools : [ula]));
    for (const family of familiesOf({ ipv4: spec.ipv4, ipv6 })) {
      if (subnets.some(({ subnet }) => parsePrefix(subnet).family === family)) continue;
      subnets.push(withGateway({ subnet: formatPrefix(choose(family)), asked: false }));
    }
    checkKept(subnets, spec.driver);
    return { ...spec, ipv6, subnets };
  }

  /** The settings of the network that `spec` takes its own from. */
  #configured(spec: NetworkSpec): NetworkSpec {
    if (spec.configFrom === "") return spec;
    const row = this.named(spec.configFrom);
    const from = row && this.specOf(row);
    if (!from?.configOnly) {
      throw notFound(`configuration network "${spec.configFrom}" does not exist or is not for configuration`);
    }
    const { options, subnets, ipv6, internal: isInternal, labels, ipamOptions } = from;
    return { ...spec, options, subnets, ipv6, internal: isInternal, labels, ipamOptions };
  }
}

/** Throws, in Docker's words, when a plugin that is asked for is not there. */
async function findDrivers(plugins: Plugins, { driver, ipamDriver }: NetworkSpec): Promise<void> {
  const find = async (name: string, wanted: string, words: string) => {
    try {
      await plugins.get(name, wanted);
    } catch (error) {
      throw isEngineError(error, "notFound") ? notFound(words) : error;
    }
  };
  if (!networkDrivers.includes(driver)) {
    await find(driver, "NetworkDriver", `plugin "${driver}" not found`);
  }
  if (!ownIpam.includes(ipamDriver)) {
    await find(ipamDriver, "IpamDriver", `plugin "${ipamDriver}" not found`);
  }
}

const identityOf = (row: NetworkRow): BridgeIdentity | undefined =>
  row.name === "bridge" ? (JSON.parse(row.settings) as BridgeIdentity) : storedNetwork(row).identity;

function makeBridge(host: NetlinkSocket, spec: NetworkSpec, identity: BridgeIdentity, config: NetworkConfig) {
  const options = parseBridgeOptions(spec);
  if (!findLink(host, identity.bridge)) {
    const mtu = options.mtu ?? config.mtu ?? defaultMtu;
    host.request(createBridge(identity.bridge, { mac: identity.mac, mtu }));
  }
  return bringUpBridge(host, identity.bridge, hostAddressesOf(spec, options));
}

/** A bridge has one subnet of each family, as in Docker. Throws `forbidden`. */
function checkBridgeSubnets({ driver, subnets }: NetworkSpec): void {
  const of6 = subnets.filter(({ subnet }) => subnet.includes(":")).length;
  if (driver === "bridge" && Math.max(of6, subnets.length - of6) > 1)
    throw forbidden("bridge driver doesn't support multiple subnets");
}
