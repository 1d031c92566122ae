import { join } from "node:path";
import type { PortMap } from "../api/endpoints.ts";
import type { NetworkInspect } from "../api/networks.ts";
import { rfc3339Nano, systemClock } from "../base/clock.ts";
import { conflict, EngineError, internal, invalidArgument, messageOf, notFound } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { formatCidr, formatIPv4, parseCidr } from "../base/ipv4.ts";
import { lockInNetns } from "../linux/abstract-lock.ts";
import { SyscallError } from "../linux/libc.ts";
import { NetlinkSocket } from "../linux/netlink.ts";
import { NftablesError } from "../linux/nftables.ts";
import { type EndpointRow, type NetworkRow, NetworkTable } from "../store/networks.ts";
import { type BridgeSettings, openBridge } from "./bridge.ts";
import { changePorts, type PortChange } from "./change-ports.ts";
import { bridgeResources, DefaultBridge, removeFormerBridge } from "./default-bridge.ts";
import type { PortReservation } from "./port-allocator.ts";
import { portRequests } from "./port-requests.ts";
import { PublishedPorts } from "./published-ports.ts";
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
  readonly #ports: PublishedPorts;
  readonly #attached = new Map<string, Attached>();
  readonly #networks = new Map<string, NetworkRow>();
  #pools: { bridge: SandboxPool; bare: SandboxPool };
  #bridge: DefaultBridge | undefined;

  constructor(deps: NetworkDependencies) {
    this.#deps = deps;
    this.#table = new NetworkTable(deps.database);
    this.#ports = new PublishedPorts(this.#host, deps.log);
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
    for (const attached of this.#attached.values())
      attached.ports = this.#ports.restore(publishedPorts(attached));
    this.#bridge?.apply(this.#ports.allocator.ipv4());
  }

  /**
   * Drops what belongs to containers that are not in `live` (full ids) or to nobody, and mends rules that were changed.
   */
  async reconcile(live: Iterable<string>): Promise<void> {
    const alive = new Set(live);
    for (const id of [...this.#attached.keys()]) if (!alive.has(id)) await this.release(id);
    this.#sandboxes.retireOrphans(new Set([...this.#attached.values()].map(({ sandbox }) => sandbox.netns)));
    // An address of theirs must not be given away while one of them could still answer to it.
    await this.#sandboxes.settled();
    this.#bridge?.apply(this.#ports.allocator.ipv4());
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
    const connection = this.#join(request);
    const attached = this.#attached.get(request.containerId);
    if (attached) this.#tell("connect", attached);
    return connection;
  }

  #join(request: ConnectRequest): Connection {
    if (request.mode === "host")
      return this.#attach(request, "host", { id: newId(), netns: "" }, undefined, {});
    const bridged = request.mode === "bridge" || request.mode === "default";
    if (!bridged && request.mode !== "none") throw notFound(`network ${request.mode} not found`);
    const atBridge = bridged && this.#bridge !== undefined;
    const pool = atBridge ? this.#pools.bridge : this.#pools.bare;
    const sandbox = takeFrom(pool, request.containerName);
    try {
      return atBridge
        ? this.#connectToBridge(request, sandbox)
        : this.#attach(request, "none", sandbox, undefined, {});
    } catch (error) {
      // One with a foreign MAC address is of no use to the next container.
      if (request.macAddress) this.#sandboxes.retire(sandbox);
      else pool.giveBack(sandbox);
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
    this.#ports.close(attached.ports);
    this.#table.deleteSandbox(containerId);
    if (attached.sandbox.netns !== "") this.#sandboxes.retire(this.#sandboxOf(attached));
    this.#tell("disconnect", attached);
  }

  #tell(action: "connect" | "disconnect", { sandbox, endpoints }: Attachment): void {
    for (const { networkId } of endpoints) {
      const network = [...this.#networks.values()].find(({ id }) => id === networkId);
      if (network) this.#deps.events(action, network, { container: sandbox.containerId });
    }
  }

  /** Publishes and unpublishes ports of a container while it runs; nothing happens to one that has no network. */
  changePorts(containerId: string, change: PortChange): void {
    const attached = this.#attached.get(containerId);
    const endpoint = attached?.endpoints.find(({ link }) => link !== "");
    if (!attached?.ports || !endpoint) return;
    const { sandbox } = attached;
    changePorts(this.#ports, {
      change,
      reservation: attached.ports,
      ports: JSON.parse(sandbox.ports) as PortMap,
      link: endpoint.link,
      address: formatIPv4(parseCidr(endpoint.address).address),
      hostIps: this.#bridge?.hostIps ?? [],
      write: (ports) => {
        sandbox.ports = JSON.stringify(ports);
        this.#table.setPorts(containerId, sandbox.ports);
      },
    });
  }

  /** The container has another name now. */
  rename(containerId: string, name: string): void {
    const attached = this.#attached.get(containerId);
    if (!attached) return;
    this.#table.renameSandbox(containerId, name);
    attached.sandbox.containerName = name;
  }

  /** A prune is of no single network. */
  tellPruned(): void {
    this.#deps.events("prune", { id: "", name: "", driver: "" }, { reclaimed: "0" });
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
    return this.#bridge && formatIPv4(this.#bridge.address.address);
  }

  /**
   * Ends the daemon's part. While containers run, all that they use stays; else the bridge and the rules go as well.
   */
  async shutdown(): Promise<void> {
    this.#pools.bridge.close();
    this.#pools.bare.close();
    this.#ports.stop();
    await this.#sandboxes.settled();
    for (const { ports } of this.#attached.values()) ports?.[Symbol.dispose]();
    if (this.#attached.size === 0) {
      this.#bridge?.remove();
      if (this.#bridge) this.#deps.resources.release(...bridgeResources(this.#bridge.settings));
      this.#sandboxes.close();
    }
    this.#bridge?.[Symbol.dispose]();
    this.#host[Symbol.dispose]();
  }

  #share(containerId: string): Connection {
    const other = this.connection(containerId);
    if (!other) throw conflict(`cannot join network namespace of a non running container: ${containerId}`);
    return { ...other, sharedWith: containerId, Ports: {}, Networks: {} };
  }

  #connectToBridge(request: ConnectRequest, sandbox: Sandbox): Connection {
    const { macAddress, containerName } = request;
    if (macAddress) {
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
      this.#bridge?.hostIps ?? [],
    );
    try {
      const { reservation, ports } = this.#ports.allocator.reserve(requests, address);
      try {
        const connection = this.#attach(request, "bridge", sandbox, reservation, ports, endpointId);
        if (sandbox.link) this.#ports.open(reservation, sandbox.link.name);
        return connection;
      } catch (error) {
        this.#attached.delete(request.containerId);
        this.#ports.close(reservation);
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
      gateway: link ? formatIPv4(this.#bridge?.gateway ?? 0) : "",
      mac: link?.mac ?? "",
    };
    this.#deps.database.relaxed(() => {
      this.#table.putSandbox(row);
      this.#table.putEndpoint(endpoint);
      if (sandbox.netns !== "") this.#sandboxes.assign(sandbox, containerId);
    });
    const attached = { sandbox: row, endpoints: [endpoint], ports };
    this.#attached.set(containerId, attached);
    return connectionOf(attached, (id) => this.#nameOf(id));
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
        resources.claim(...bridgeResources(settings));
      });
    using _lock = await lockInNetns("longshore-bridges");
    const { settings, link } = openBridge({ host: this.#host, config, stored, inUse, remember, log });
    this.#predefine("bridge", "bridge", settings);
    if (stored?.ours && stored.bridge !== settings.bridge && !inUse) {
      removeFormerBridge(this.#host, stored);
      resources.release(...bridgeResources(stored));
    }
    const bridge = new DefaultBridge(this.#host, config, settings, link);
    for (const { endpoints } of this.#attached.values()) {
      for (const { address } of endpoints)
        if (address !== "") bridge.addresses.reserve(parseCidr(address).address);
    }
    this.#bridge = bridge;
    this.#sandboxes.bridge = bridge;
    this.#ports.firewall = bridge.firewall;
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

function takeFrom(pool: SandboxPool, containerName: string): Sandbox {
  try {
    return pool.take();
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw internal(`failed to create endpoint ${containerName}: ${messageOf(error)}`, error);
  }
}
