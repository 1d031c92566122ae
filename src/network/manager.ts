/*
 * Longer than most files: it is the one place where rows, kernel and ports of a container come together, and the order
 * of the steps matters. Each step itself is elsewhere.
 */
import { join } from "node:path";
import type { PortMap } from "../api/endpoints.ts";
import type { NetworkInspect } from "../api/networks.ts";
import { rfc3339Nano, systemClock } from "../base/clock.ts";
import { conflict, EngineError, internal, invalidArgument, messageOf, notFound } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { formatCidr, formatIPv4, networkOf, parseCidr, parseIPv4 } from "../base/ipv4.ts";
import { lockInNetns } from "../linux/abstract-lock.ts";
import { forgetUdpFlows } from "../linux/conntrack.ts";
import { hasIPv6 } from "../linux/inet-socket.ts";
import { SyscallError } from "../linux/libc.ts";
import { deleteLink, filterBridged, findLink, type Link, setHairpin } from "../linux/links.ts";
import { NetlinkSocket } from "../linux/netlink.ts";
import { Nftables, NftablesError } from "../linux/nftables.ts";
import { writeSysctl } from "../linux/sysctl.ts";
import { type EndpointRow, type NetworkRow, NetworkTable } from "../store/networks.ts";
import { AddressPool } from "./address-pool.ts";
import { type BridgeSettings, defaultMtu, openBridge } from "./bridge.ts";
import { Firewall, type PublishedPort, removeTable } from "./firewall.ts";
import { closeForwarding, openForwarding } from "./host-firewall.ts";
import { PortAllocator, type PortReservation } from "./port-allocator.ts";
import { portRequests } from "./port-requests.ts";
import { SandboxPool } from "./sandbox-pool.ts";
import { type Sandbox, Sandboxes } from "./sandboxes.ts";
import type { Connection, ConnectRequest, NetworkDependencies } from "./types.ts";
import { type Attachment, connectionOf, inspectNetwork, publishedPorts } from "./views.ts";

/** A running container in memory: its rows, and what holds its ports. */
interface Attached extends Attachment {
  ports: PortReservation | undefined;
}

const macPattern = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;

/**
 * The networks of a daemon: the predefined `bridge`, `host` and `none`. `start` first, then `reconcile` with the
 * containers that are alive; then `connect` before a container starts and `release` when it has stopped.
 */
export class NetworkManager {
  readonly #deps: NetworkDependencies;
  readonly #table: NetworkTable;
  readonly #host = new NetlinkSocket();
  readonly #sandboxes: Sandboxes;
  readonly #ports = new PortAllocator();
  readonly #attached = new Map<string, Attached>();
  readonly #networks = new Map<string, NetworkRow>();
  #pools: { bridge: SandboxPool; bare: SandboxPool };
  #bridge: { settings: BridgeSettings; link: Link; addresses: AddressPool } | undefined;
  #nft: Nftables | undefined;
  #firewall: Firewall | undefined;
  #hostIps: readonly string[] = [];
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  constructor(deps: NetworkDependencies) {
    this.#deps = deps;
    this.#table = new NetworkTable(deps.database);
    this.#sandboxes = new Sandboxes(deps.resources, join(deps.execRoot, "netns"), this.#host, deps.log);
    const pool = (atBridge: boolean, size: number) =>
      new SandboxPool(this.#sandboxes, { atBridge, size, log: deps.log });
    const size = deps.poolSize ?? 4;
    this.#pools = { bridge: pool(true, size), bare: pool(false, Math.min(size, 2)) };
  }

  /**
   * Finds or makes the bridge, and puts back what the rows say of containers that run since before: their addresses,
   * ports and rules. Throws what keeps the default bridge from working.
   */
  async start(): Promise<void> {
    this.#sandboxes.open();
    this.#predefine("host", "host");
    this.#predefine("none", "null");
    this.#load();
    if (this.#deps.config.bridge !== "none") await this.#openBridge();
    for (const attached of this.#attached.values()) this.#restorePorts(attached);
    this.#applyRules();
  }

  /** Drops what belongs to containers that are not in `live` (full ids) or to nobody, and mends rules that were changed. */
  async reconcile(live: Iterable<string>): Promise<void> {
    const alive = new Set(live);
    for (const id of [...this.#attached.keys()]) if (!alive.has(id)) await this.release(id);
    this.#sandboxes.retireOrphans(new Set([...this.#attached.values()].map(({ sandbox }) => sandbox.netns)));
    // An address of theirs must not be given away while one of them could still answer to it.
    await this.#sandboxes.settled();
    this.#applyRules();
    this.#pools.bare.refill();
    if (this.#bridge) this.#pools.bridge.refill();
  }

  /**
   * Gives a container that is about to start its network. All or nothing: on an error (in Docker's words) no port,
   * rule, namespace or row of it is left.
   */
  async connect(request: ConnectRequest): Promise<Connection> {
    if (request.mode.startsWith("container:")) return this.#share(request.mode.slice("container:".length));
    await this.release(request.containerId);
    if (request.mode === "host")
      return this.#attach(request, "host", { id: newId(), netns: "" }, undefined, {});
    const bridged = request.mode === "bridge" || request.mode === "default";
    if (!bridged && request.mode !== "none") throw notFound(`network ${request.mode} not found`);
    const atBridge = bridged && this.#bridge !== undefined;
    const pool = atBridge ? this.#pools.bridge : this.#pools.bare;
    const sandbox = pool.take();
    try {
      return atBridge
        ? this.#connectToBridge(request, sandbox)
        : this.#attach(request, "none", sandbox, undefined, {});
    } catch (error) {
      if (request.macAddress === undefined) pool.giveBack(sandbox);
      else this.#sandboxes.retire(sandbox);
      throw error;
    }
  }

  /** How a running container is connected, or undefined. */
  connection(containerId: string): Connection | undefined {
    const attached = this.#attached.get(containerId);
    return attached && connectionOf(attached, (id) => this.#nameOf(id));
  }

  /**
   * Takes everything back that the container had, when it has stopped; nothing happens when it has nothing. Ports are
   * free when this returns; the namespace dies a moment later, by itself.
   */
  async release(containerId: string): Promise<void> {
    const attached = this.#attached.get(containerId);
    if (!attached) return;
    this.#attached.delete(containerId);
    this.#closePorts(attached.ports);
    this.#table.deleteSandbox(containerId);
    if (attached.sandbox.netns !== "") this.#sandboxes.retire(this.#sandboxOf(attached));
  }

  /** The container has another name now. */
  rename(containerId: string, name: string): void {
    const attached = this.#attached.get(containerId);
    if (!attached) return;
    this.#table.renameSandbox(containerId, name);
    attached.sandbox.containerName = name;
  }

  /** The networks, as `GET /networks` and `GET /networks/{id}` tell of them. */
  list(): NetworkInspect[] {
    return [...this.#networks.values()].map((row) => this.#inspect(row));
  }

  /** By name, id, or the beginning of an id. */
  inspect(nameOrId: string): NetworkInspect {
    const rows = [...this.#networks.values()];
    const exact = rows.find((row) => row.name === nameOrId || row.id === nameOrId);
    const partial = rows.filter((row) => nameOrId !== "" && row.id.startsWith(nameOrId));
    const row = exact ?? (partial.length === 1 ? partial[0] : undefined);
    if (row) return this.#inspect(row);
    if (partial.length > 1)
      throw invalidArgument(
        `network ${nameOrId} is ambiguous (${partial.length} matches found on ID prefix)`,
      );
    throw notFound(`network ${nameOrId} not found`);
  }

  /** What `host-gateway` stands for in `--add-host`: the host's address on the default bridge. */
  get hostGateway(): string | undefined {
    return this.#bridge && formatIPv4(parseCidr(this.#bridge.settings.gateway).address);
  }

  /** Ends the daemon's part. While containers run, all that they use stays; else the bridge and the rules go as well. */
  async shutdown(): Promise<void> {
    this.#pools.bridge.close();
    this.#pools.bare.close();
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#sandboxes.settled();
    for (const { ports } of this.#attached.values()) ports?.[Symbol.dispose]();
    if (this.#attached.size === 0) {
      this.#removeBridge();
      this.#sandboxes.close();
    }
    this.#nft?.[Symbol.dispose]();
    this.#host[Symbol.dispose]();
  }

  #share(containerId: string): Connection {
    const other = this.connection(containerId);
    if (!other) throw conflict(`cannot join network namespace of a non running container: ${containerId}`);
    return { ...other, sharedWith: containerId, Ports: {}, Networks: {} };
  }

  #connectToBridge(request: ConnectRequest, sandbox: Sandbox): Connection {
    const { macAddress, containerName } = request;
    if (macAddress !== undefined) {
      if (!macPattern.test(macAddress.toLowerCase()))
        throw invalidArgument(`${macAddress} is not a valid mac address`);
      this.#sandboxes.changeMac(sandbox, macAddress.toLowerCase());
    }
    const endpointId = newId();
    const address = formatIPv4(sandbox.link?.address.address ?? 0);
    const requests = portRequests(
      request.portBindings,
      request.exposedPorts,
      request.publishAll,
      this.#hostIps,
    );
    try {
      const { reservation, ports } = this.#ports.reserve(requests, address);
      try {
        const connection = this.#attach(request, "bridge", sandbox, reservation, ports, endpointId);
        this.#openPorts(request.containerId, reservation, sandbox);
        return connection;
      } catch (error) {
        this.#attached.delete(request.containerId);
        this.#closePorts(reservation);
        this.#table.deleteSandbox(request.containerId);
        throw error;
      }
    } catch (error) {
      const expected = [EngineError, SyscallError, NftablesError].some((type) => error instanceof type);
      if (!expected) throw error;
      const where = `driver failed programming external connectivity on endpoint ${containerName} (${endpointId})`;
      throw internal(`${where}: ${messageOf(error)}`, error);
    }
  }

  /** Writes the rows of a container in one transaction. */
  #attach(
    request: ConnectRequest,
    networkName: string,
    sandbox: Sandbox,
    ports: PortReservation | undefined,
    published: PortMap,
    endpointId = newId(),
  ): Connection {
    const { containerId, containerName } = request;
    const { link } = sandbox;
    const exposed =
      networkName === "bridge" ? Object.fromEntries(request.exposedPorts.map((key) => [key, null])) : {};
    const row = {
      containerId,
      id: sandbox.id,
      containerName,
      netns: sandbox.netns,
      ports: JSON.stringify({ ...exposed, ...published }),
    };
    const endpoint: EndpointRow = {
      id: endpointId,
      networkId: this.#networks.get(networkName)?.id ?? "",
      containerId,
      link: link?.name ?? "",
      address: link ? formatCidr(link.address) : "",
      gateway: link ? formatIPv4(this.#gateway()) : "",
      mac: link?.mac ?? "",
    };
    this.#deps.database.transaction(() => {
      this.#table.putSandbox(row);
      this.#table.putEndpoint(endpoint);
      if (sandbox.netns !== "") this.#sandboxes.assign(sandbox, containerId);
    });
    const attached = { sandbox: row, endpoints: [endpoint], ports };
    this.#attached.set(containerId, attached);
    return connectionOf(attached, (id) => this.#nameOf(id));
  }

  #openPorts(containerId: string, reservation: PortReservation, { link }: Sandbox): void {
    if (reservation.held.length === 0) return;
    this.#firewall?.publish(reservation.ipv4, () => this.#ports.ipv4());
    forgetUdpFlows(udpPorts(reservation));
    // Where bridged packets meet the firewall too, a container that calls its own port gets its packets back this way.
    if (link) this.#host.request(setHairpin(link.name));
    setImmediate(() => {
      // It may have been released in the meantime.
      if (this.#attached.get(containerId)?.ports === reservation) reservation.relay();
    });
  }

  #closePorts(reservation: PortReservation | undefined): void {
    if (!reservation || reservation.held.length === 0) return;
    const rules = reservation.ipv4;
    const udp = udpPorts(reservation);
    reservation[Symbol.dispose]();
    this.#firewall?.unpublish(rules, () => this.#ports.ipv4());
    this.#forgetFlowsLater(udp);
  }

  /** A while later, when no namespace is dying any more that the kernel would make this process wait for. */
  #forgetFlowsLater(udp: readonly number[]): void {
    if (udp.length === 0) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      const used = new Set(this.#ports.ipv4().map(({ hostPort }) => hostPort));
      forgetUdpFlows(udp.filter((port) => !used.has(port)));
    }, 500);
    timer.unref();
    this.#timers.add(timer);
  }

  #restorePorts(attached: Attached): void {
    const { reservation, lost } = this.#ports.restore(publishedPorts(attached));
    attached.ports = reservation;
    for (const { hostIp, hostPort, protocol } of lost) {
      const port = `${hostIp}:${hostPort}/${protocol}`;
      this.#deps.log.warn("another process listens on the port of a running container", { port });
    }
    reservation.relay();
  }

  #predefine(name: string, driver: string, settings: unknown = {}): NetworkRow {
    const known = this.#table.network(name);
    const row: NetworkRow = {
      id: known?.id ?? newId(),
      name,
      driver,
      created: known?.created ?? rfc3339Nano(systemClock.nowNanos()),
      settings: JSON.stringify(settings),
    };
    this.#table.putNetwork(row);
    this.#networks.set(name, row);
    return row;
  }

  #load(): void {
    const endpoints = Map.groupBy(this.#table.endpoints(), (row) => row.containerId);
    for (const sandbox of this.#table.sandboxes()) {
      this.#attached.set(sandbox.containerId, {
        sandbox,
        endpoints: endpoints.get(sandbox.containerId) ?? [],
        ports: undefined,
      });
    }
  }

  async #openBridge(): Promise<void> {
    const { config, database, resources, log } = this.#deps;
    const row = this.#table.network("bridge");
    const stored = row && (JSON.parse(row.settings) as BridgeSettings);
    const inUse = [...this.#attached.values()].some(({ endpoints }) =>
      endpoints.some(({ link }) => link !== ""),
    );
    const remember = (settings: BridgeSettings) =>
      database.transaction(() => {
        this.#predefine("bridge", "bridge", settings);
        if (!settings.ours) return;
        resources.claim({ kind: "bridge", key: settings.bridge, owner: "" });
        resources.claim({ kind: "nftTable", key: tableOf(settings.bridge), owner: "" });
      });
    using _lock = await lockInNetns("longshore-bridges");
    const { settings, link } = openBridge({ host: this.#host, config, stored, inUse, remember, log });
    this.#predefine("bridge", "bridge", settings);
    if (stored?.ours && stored.bridge !== settings.bridge && !inUse) this.#forgetBridge(stored);
    this.#useBridge(settings, link);
  }

  /** Another bridge is configured now; the one that we made before goes, unless the name belongs to somebody else by now. */
  #forgetBridge({ bridge, mac }: BridgeSettings): void {
    if (findLink(this.#host, bridge)?.mac === mac) {
      if (this.#deps.config.iptables !== false) {
        using nft = new Nftables();
        closeForwarding(nft, bridge);
        removeTable(nft, tableOf(bridge));
      }
      deleteLink(this.#host, bridge);
    }
    this.#deps.resources.release({ kind: "nftTable", key: tableOf(bridge) }, { kind: "bridge", key: bridge });
  }

  #useBridge(settings: BridgeSettings, link: Link): void {
    const { config } = this.#deps;
    const gateway = parseCidr(settings.gateway);
    const range = config.fixedCidr ? parseCidr(config.fixedCidr) : networkOf(gateway);
    const addresses = new AddressPool(networkOf(gateway), range, "bridge");
    addresses.reserve(gateway.address);
    addresses.reserve(this.#gateway(settings));
    for (const { endpoints } of this.#attached.values()) {
      for (const { address } of endpoints) if (address !== "") addresses.reserve(parseCidr(address).address);
    }
    this.#bridge = { settings, link, addresses };
    this.#sandboxes.bridge = {
      index: link.index,
      gateway: this.#gateway(),
      mtu: config.mtu ?? defaultMtu,
      addresses,
    };
    this.#hostIps = config.ip ? [config.ip] : hasIPv6() ? ["0.0.0.0", "::"] : ["0.0.0.0"];
    if (config.iptables === false) return;
    this.#nft = new Nftables();
    this.#firewall = new Firewall(this.#nft, {
      table: tableOf(settings.bridge),
      bridge: settings.bridge,
      subnet: gateway,
      icc: config.icc ?? true,
      masquerade: config.ipMasq ?? true,
    });
  }

  #gateway(settings = this.#bridge?.settings): number {
    const configured = this.#deps.config.defaultGateway;
    return (
      (configured ? parseIPv4(configured) : undefined) ?? parseCidr(settings?.gateway ?? "0.0.0.0/0").address
    );
  }

  /** Kernel settings and rules, whole, as they have to be now. */
  #applyRules(): void {
    if (!this.#bridge) return;
    const { bridge } = this.#bridge.settings;
    const { config } = this.#deps;
    if (config.ipForward !== false) writeSysctl("net/ipv4/ip_forward", "1");
    if (!this.#firewall || !this.#nft) return;
    // Lets the host reach published ports by 127.0.0.1; what comes from the bridge to that address is dropped.
    writeSysctl(`net/ipv4/conf/${bridge}/route_localnet`, "1");
    // Packets between containers stay within the bridge, and the rules see them only with this.
    if (config.icc === false) this.#host.request(filterBridged(bridge));
    this.#firewall.apply(this.#ports.ipv4());
    openForwarding(this.#nft, bridge);
  }

  #removeBridge(): void {
    if (!this.#bridge) return;
    const { bridge, ours } = this.#bridge.settings;
    if (this.#nft) closeForwarding(this.#nft, bridge);
    this.#firewall?.remove();
    this.#deps.resources.release({ kind: "nftTable", key: tableOf(bridge) });
    if (!ours) return;
    deleteLink(this.#host, bridge);
    this.#deps.resources.release({ kind: "bridge", key: bridge });
  }

  #sandboxOf({ sandbox, endpoints }: Attachment): Sandbox {
    const endpoint = endpoints.find(({ link }) => link !== "");
    const link = endpoint && { name: endpoint.link, address: parseCidr(endpoint.address), mac: endpoint.mac };
    return { id: sandbox.id, netns: sandbox.netns, ...(link && { link }) };
  }

  #nameOf(networkId: string): string {
    for (const { id, name } of this.#networks.values()) if (id === networkId) return name;
    return networkId;
  }

  #inspect(row: NetworkRow): NetworkInspect {
    const inUse = row.driver === "bridge" ? (this.#bridge?.addresses.inUse ?? 0) : 0;
    return inspectNetwork(row, this.#attached.values(), this.#deps.config, inUse);
  }
}

const tableOf = (bridge: string) => `longshore_${bridge.replace(/[^A-Za-z0-9]/g, "_")}`;

const udpPorts = ({ held }: PortReservation) =>
  held
    .filter(({ port }) => port.protocol === "udp")
    .map(({ port }: { port: PublishedPort }) => port.hostPort);
