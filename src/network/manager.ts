import { join } from "node:path";
import type { PortMap } from "../api/endpoints.ts";
import type { NetworkCreateRequest, NetworkInspect } from "../api/networks.ts";
import { conflict, EngineError, forbidden, internal, invalidArgument, messageOf } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { formatIp, parseIp } from "../base/ip.ts";
import { lockInNetns } from "../linux/abstract-lock.ts";
import { SyscallError } from "../linux/libc.ts";
import { NetlinkSocket } from "../linux/netlink.ts";
import { NftablesError } from "../linux/nftables.ts";
import { MetaTable } from "../store/meta.ts";
import { type EndpointRow, type NetworkRow, NetworkTable } from "../store/networks.ts";
import { type BridgeSettings, knownPrefixes, openBridge } from "./bridge.ts";
import { BridgeNetwork, bridgeResources, removeFormerBridge } from "./bridge-network.ts";
import { changePorts, type PortChange } from "./change-ports.ts";
import { setDefaultRoutes } from "./default-routes.ts";
import { redirectQueries } from "./dns/redirect.ts";
import {
  addressesOf,
  checkEndpoint,
  detailsOf,
  type EndpointIdentity,
  endpointRow,
  ifnameOf,
  parseMac,
  planWire,
  wayOut,
} from "./endpoints.ts";
import { FirewallWatch } from "./firewall-watch.ts";
import { publishWarning } from "./host-firewall.ts";
import type { DefaultRoute, LiveNetwork, Wire } from "./live-network.ts";
import type { NamedSandbox } from "./name-server.ts";
import { hasNames, namedSandbox } from "./named-sandbox.ts";
import { NetworkSet } from "./network-set.ts";
import type { PortReservation } from "./port-allocator.ts";
import { portRequests } from "./port-requests.ts";
import { PublishedPorts } from "./published-ports.ts";
import { SandboxPool } from "./sandbox-pool.ts";
import { linkName, remainsOf, type Sandbox, Sandboxes } from "./sandboxes.ts";
import { planNetwork } from "./spec.ts";
import { defaultBridgeSpec, predefinedNames } from "./stored-spec.ts";
import { chooseSubnet, poolsOf, ulaPool } from "./subnets.ts";
import type { Connection, ConnectRequest, EndpointRequest, NetworkDependencies } from "./types.ts";
import { type Attachment, connectionOf, inspectNetwork, portTarget, publishedPorts } from "./views.ts";

/** A running container in memory: its rows, and what holds its ports. */
interface Attached extends Attachment {
  endpoints: EndpointRow[];
  ports: PortReservation | undefined;
  /** By which its ports are published. */
  portNetwork: string | undefined;
  request: Pick<ConnectRequest, "exposedPorts" | "portBindings" | "publishAll" | "dns">;
}

/** An endpoint that is being made. */
interface Plugged {
  network: LiveNetwork;
  wire: Wire;
  row: EndpointRow;
}

/**
 * The networks of a daemon. `start` first, then `reconcile` with the containers that are alive; then `connect` before a
 * container starts, `plug` and `unplug` while it runs, and `release` when it has stopped.
 */
export class NetworkManager {
  readonly #deps: NetworkDependencies;
  readonly #table: NetworkTable;
  readonly #host = new NetlinkSocket();
  readonly #sandboxes: Sandboxes;
  readonly #ports: PublishedPorts;
  readonly #attached = new Map<string, Attached>();
  readonly #networks: NetworkSet;
  readonly #pools: { bridge: SandboxPool; bare: SandboxPool; named: SandboxPool };
  #bridge: BridgeNetwork | undefined;
  #watch: FirewallWatch | undefined;

  constructor(deps: NetworkDependencies) {
    const { database, resources, config, log } = deps;
    this.#deps = deps;
    this.#table = new NetworkTable(database);
    this.#ports = new PublishedPorts(this.#host, log);
    this.#sandboxes = new Sandboxes(resources, join(deps.execRoot, "netns"), this.#host, log);
    const random = new MetaTable(database).once("ula", () => newId().slice(0, 10));
    const host = this.#host;
    this.#networks = new NetworkSet({ database, resources, host, config, log, ula: ulaPool(random) });
    const size = deps.poolSize ?? 4;
    const pool = (make: () => Sandbox, count: number) =>
      new SandboxPool({ make, retire: (sandbox) => this.#retireUnused(sandbox) }, { size: count, log });
    this.#pools = {
      bridge: pool(() => this.#makeAtBridge(), size),
      bare: pool(() => this.#sandboxes.make({}), Math.min(size, 2)),
      named: pool(() => this.#sandboxes.make({ prepare: redirectQueries }), size),
    };
  }

  /**
   * Finds or makes the bridges, and puts back what the rows say of containers that run since before: their addresses,
   * ports and rules. Throws what keeps the default bridge from working.
   */
  async start(): Promise<void> {
    this.#sandboxes.open();
    this.#networks.open();
    this.#networks.predefine("host", "host");
    this.#networks.predefine("none", "null");
    this.#load();
    if (this.#deps.config.bridge !== "none") await this.#openBridge();
    for (const { endpoints } of this.#attached.values()) {
      for (const row of endpoints) {
        const network = this.#networks.liveOf(row.networkId);
        for (const address of addressesOf(row)) network?.addresses.reserve(address);
      }
    }
    for (const attached of this.#attached.values()) {
      const way = this.#publishingEndpoint(attached.endpoints);
      attached.portNetwork = way?.networkId;
      attached.ports = this.#ports.restore(way ? publishedPorts(attached.sandbox, way) : []);
    }
    if (this.#deps.config.iptables !== false) this.#watchFirewall();
    this.#applyAll();
    this.#watch?.recogniseSelf();
  }

  #watchFirewall(): void {
    this.#watch = new FirewallWatch({
      isOurs: (table) => this.#networks.live().some(({ firewall }) => firewall?.table === table),
      restore: () => this.#applyAll(),
      reopen: () => {
        for (const network of this.#networks.live()) network.reopen?.();
      },
      log: this.#deps.log,
    });
  }

  /** What a user should know of ports that are published on all addresses of the host, or undefined. */
  get publishWarning(): string | undefined {
    if (this.#deps.config.ip !== undefined) return undefined;
    const firewall = this.#bridge?.firewall?.ofHost;
    return firewall && publishWarning(firewall);
  }

  /**
   * Drops what belongs to containers that are not in `live` (full ids) or to nobody, and mends rules that were changed.
   */
  async reconcile(live: Iterable<string>): Promise<void> {
    const alive = new Set(live);
    for (const id of [...this.#attached.keys()]) if (!alive.has(id)) await this.release(id);
    const kept = [...this.#attached.values()].map(
      ({ sandbox, endpoints }) => [sandbox.netns, endpoints.map(({ link }) => link)] as const,
    );
    this.#sandboxes.retireOrphans(new Map(kept));
    // An address of theirs must not be given away while one of them could still answer to it.
    await this.#sandboxes.settled();
    this.#applyAll();
    const named = [...this.#attached.values()].flatMap((attached) => this.#named(attached) ?? []);
    await this.#deps.names?.replace(named);
    this.#pools.bare.refill();
    if (this.#bridge) this.#pools.bridge.refill();
    if (this.#hasUserNetworks) this.#pools.named.refill();
  }

  /** `POST /networks/create`; the new network's id. */
  async create(request: NetworkCreateRequest): Promise<{ id: string; warning: string }> {
    const planned = planNetwork(request, this.#deps.config.defaultOptions);
    const row = await this.#networks.create(planned);
    this.#event("create", row);
    this.#pools.named.refill();
    return { id: row.id, warning: "" };
  }

  /** Removes a network. Throws `forbidden` when containers are connected, or it is predefined. */
  remove(reference: string): void {
    const row = this.#networks.find(reference);
    if (predefinedNames.includes(row.name)) {
      throw forbidden(`${row.name} is a pre-defined network and cannot be removed`);
    }
    const users = this.#usersOf(row.id);
    if (users.length > 0) {
      const who = users.map(({ name, id }) => `name:"${name}" id:"${id.slice(0, 12)}"`).join(", ");
      throw forbidden(`error while removing network: network ${row.name} has active endpoints (${who})`);
    }
    this.#networks.remove(row);
    this.#event("destroy", row);
  }

  /** Removes what no container is connected to and `wanted` says; their names. */
  prune(wanted: (network: NetworkInspect) => boolean): string[] {
    const victims = this.#networks
      .rows()
      .filter((row) => !predefinedNames.includes(row.name) && this.#usersOf(row.id).length === 0)
      .filter((row) => wanted(this.#inspect(row)));
    for (const row of victims) this.remove(row.id);
    // A prune is of no single network.
    this.#deps.events("prune", { id: "", name: "", driver: "" }, { reclaimed: "0" });
    return victims.map(({ name }) => name);
  }

  /** The name of a network, by name or id; undefined when there is none. */
  nameOf(reference: string): string | undefined {
    return this.#networks.tryFind(reference)?.name;
  }

  /** The id of a network, by name or id; undefined when there is none. */
  idOf(reference: string): string | undefined {
    return this.#networks.tryFind(reference)?.id;
  }

  /** Checks what a container asks of a network; see `checkEndpoint`. */
  check({ network, settings }: Pick<EndpointRequest, "network" | "settings">): void {
    const row = this.#networks.tryFind(network);
    checkEndpoint(settings, row?.name ?? network, row && this.#networks.specOf(row));
  }

  /**
   * Gives a container that is about to start its network. All or nothing: on an error (in Docker's words) no port,
   * rule, namespace or row of it is left.
   */
  async connect(request: ConnectRequest): Promise<Connection> {
    if (request.mode.startsWith("container:")) return this.#share(request.mode.slice("container:".length));
    await this.release(request.containerId);
    if (request.mode === "host")
      return this.#attach(request, { id: newId(), netns: "" }, [this.#unplugged(request, "host")]);
    const endpoints = this.#endpointsOf(request);
    if (endpoints.length === 0) return this.#connectTo(request, this.#pools.bare, []);
    if (this.#isPlain(endpoints)) return this.#connectTo(request, this.#pools.bridge, endpoints);
    const named = endpoints.some(({ network }) => network !== this.#bridge);
    return this.#connectTo(request, named ? this.#pools.named : this.#pools.bare, endpoints);
  }

  async #connectTo(
    request: ConnectRequest,
    pool: SandboxPool,
    endpoints: LiveEndpoint[],
  ): Promise<Connection> {
    const sandbox = takeFrom(pool, request.containerName);
    let plugged: Plugged[] = [];
    try {
      plugged = this.#plugAll(request, sandbox, endpoints);
      const rows = endpoints.length > 0 ? plugged.map(({ row }) => row) : [this.#unplugged(request, "none")];
      const connection = this.#attach(request, sandbox, rows);
      await this.#tellNames(request.containerId);
      return connection;
    } catch (error) {
      if (this.#attached.has(request.containerId)) await this.release(request.containerId);
      else if (isUntouched(sandbox, endpoints)) pool.giveBack(sandbox);
      else this.#retire(sandbox.netns, plugged);
      throw error;
    }
  }

  /** One network, the default bridge, and nothing asked of it: there are namespaces that are ready for that. */
  #isPlain(endpoints: readonly LiveEndpoint[]): boolean {
    const [first, ...others] = endpoints;
    if (!first || others.length > 0 || first.network !== this.#bridge) return false;
    const { DriverOpts, IPAMConfig } = first.asked.settings;
    return Object.keys(DriverOpts ?? {}).length === 0 && (IPAMConfig?.LinkLocalIPs ?? []).length === 0;
  }

  /** Throws `notFound` for a network that is not there, `invalidArgument` for what it cannot give. */
  #endpointsOf(request: ConnectRequest): LiveEndpoint[] {
    const { mode, macAddress } = request;
    const network = mode === "default" ? "bridge" : mode;
    const asked = request.endpoints ?? [{ network, settings: {}, dnsNames: [] }];
    return asked.flatMap((endpoint, at) => {
      // Without a default bridge its containers have no network.
      if (endpoint.network === "bridge" && !this.#bridge) return [];
      const row = this.#networks.find(endpoint.network);
      if (row.name === "none") return [];
      const settings =
        at === 0 && macAddress && !endpoint.settings.MacAddress
          ? { ...endpoint.settings, MacAddress: macAddress }
          : endpoint.settings;
      checkEndpoint(settings, row.name, this.#networks.specOf(row));
      return [{ network: this.#usable(row), asked: { ...endpoint, settings } }];
    });
  }

  #usable(row: NetworkRow): LiveNetwork {
    const live = this.#networks.liveOf(row.id);
    if (live) return live;
    if (row.name === "host") {
      throw invalidArgument(
        "container sharing network namespace with another container or host cannot be connected to any other network",
      );
    }
    const isConfig = this.#networks.specOf(row).configOnly;
    throw forbidden(
      isConfig
        ? `configuration network ${row.name} cannot be used by containers`
        : `network ${row.name} cannot be used: the daemon's log says why`,
    );
  }

  #makeAtBridge(): Sandbox {
    const network = this.#bridge;
    if (!network) throw internal("there is no default bridge");
    const wire = planWire(network, {}, new Set());
    try {
      return this.#sandboxes.make(
        { network, prepare: (inside) => setDefaultRoutes(inside, this.#routesOf(network, wire)) },
        wire,
      );
    } catch (error) {
      for (const address of wire.addresses) network.addresses.free(address);
      throw error;
    }
  }

  #routesOf(network: LiveNetwork, wire: Pick<Wire, "addresses" | "ifname">) {
    const of = (family: 4 | 6) => {
      const ip = wire.addresses.find((address) => address.family === family);
      const route = ip && network.defaultRoute(ip, family);
      return route && { route, ifname: wire.ifname };
    };
    return { 4: of(4), 6: of(6) };
  }

  /** A sandbox that no container has dies, and gives its addresses back. */
  #retireUnused(sandbox: Sandbox): void {
    const addresses = sandbox.wire?.addresses ?? [];
    const free = () => {
      for (const address of addresses) this.#bridge?.addresses.free(address);
    };
    this.#sandboxes.retire(remainsOf(sandbox, free));
  }

  /** Ties a sandbox to networks, in their order; or to none. */
  #plugAll(request: ConnectRequest, sandbox: Sandbox, endpoints: readonly LiveEndpoint[]): Plugged[] {
    const { containerId } = request;
    const [first] = endpoints;
    if (sandbox.wire && first) {
      const mac = first.asked.settings.MacAddress;
      if (mac) this.#sandboxes.changeMac(sandbox, parseMac(mac) ?? mac);
      const row = endpointRow({ id: newId(), containerId }, first.network, sandbox.wire, first.asked);
      return [{ network: first.network, wire: sandbox.wire, row }];
    }
    const done: Plugged[] = [];
    try {
      for (const endpoint of endpoints) {
        const taken = new Set(done.map(({ wire }) => wire.ifname));
        done.push(this.#plugOne({ id: newId(), containerId }, sandbox, endpoint, taken, done.length));
      }
      this.#route(
        sandbox.netns,
        done.map(({ row }) => row),
      );
      return done;
    } catch (error) {
      this.#retire(sandbox.netns, done);
      throw error;
    }
  }

  /** Lets a namespace die that no container got. */
  #retire(netns: string, plugged: readonly Plugged[]): void {
    const free = () => {
      for (const { network, wire } of plugged) for (const ip of wire.addresses) network.addresses.free(ip);
    };
    this.#sandboxes.retire({ netns, links: linksOf(plugged.map(({ row }) => row)), free });
  }

  #plugOne(
    identity: EndpointIdentity,
    sandbox: Sandbox,
    { network, asked }: LiveEndpoint,
    taken: ReadonlySet<string>,
    number: number,
  ): Plugged {
    const plan = planWire(network, asked.settings, taken);
    const link = network.hasHostEnd ? linkName(sandbox.id, number) : "";
    const wire = { ...plan, link };
    try {
      this.#sandboxes.plug(sandbox, network, wire, identity.containerId);
    } catch (error) {
      for (const address of wire.addresses) network.addresses.free(address);
      throw error instanceof SyscallError
        ? internal(`failed to create endpoint on network ${network.row.name}: ${messageOf(error)}`, error)
        : error;
    }
    return { network, wire, row: endpointRow(identity, network, wire, asked) };
  }

  /** Sets the default routes of a namespace as its endpoints have them. */
  #route(netns: string, endpoints: readonly EndpointRow[]): void {
    const of = (family: 4 | 6) => {
      const row = wayOut(
        endpoints,
        (one) => this.#routeOf(one, family) !== undefined,
        (id) => this.#nameOf(id),
      );
      const route = row && this.#routeOf(row, family);
      return row && route && { route, ifname: ifnameOf(row) };
    };
    this.#sandboxes.inside(netns, (inside) => setDefaultRoutes(inside, { 4: of(4), 6: of(6) }));
  }

  #routeOf(row: EndpointRow, family: 4 | 6): DefaultRoute {
    const ip = addressesOf(row).find((address) => address.family === family);
    return ip && this.#networks.liveOf(row.networkId)?.defaultRoute(ip, family);
  }

  /**
   * Connects a running container to one more network. Throws `forbidden` when it is connected already, `conflict` when
   * it does not run; on an error nothing of it is left.
   */
  async plug(containerId: string, asked: EndpointRequest): Promise<Connection> {
    const attached = this.#running(containerId);
    const row = this.#networks.find(asked.network);
    const { sandbox, endpoints } = attached;
    if (endpoints.some(({ networkId }) => networkId === row.id)) {
      throw forbidden(`endpoint with name ${sandbox.containerName} already exists in network ${row.name}`);
    }
    checkEndpoint(asked.settings, row.name, this.#networks.specOf(row));
    const network = this.#usable(row);
    const taken = new Set(endpoints.map(ifnameOf));
    const numbers = endpoints.map(({ link }) => Number(/-(\d+)$/.exec(link)?.[1] ?? 0));
    const number = endpoints.some(({ link }) => link !== "") ? Math.max(...numbers) + 1 : 0;
    const identity = { id: newId(), containerId };
    const plugged = this.#plugOne(identity, sandbox, { network, asked }, taken, number);
    try {
      this.#deps.database.relaxed(() => {
        for (const { networkId } of endpoints.filter(({ link, address }) => link === "" && address === "")) {
          this.#table.deleteEndpoint({ containerId, networkId });
        }
        this.#table.putEndpoint(plugged.row);
      });
      attached.endpoints = [
        ...endpoints.filter(({ link, address }) => link !== "" || address !== ""),
        plugged.row,
      ];
      this.#changed(attached);
    } catch (error) {
      await this.unplug(containerId, row.id);
      throw error;
    }
    await this.#tellNames(containerId);
    this.#event("connect", row, containerId);
    return this.#connectionOf(attached);
  }

  /** Disconnects a running container. Throws `forbidden` when it is not connected. */
  async unplug(containerId: string, reference: string): Promise<Connection> {
    const attached = this.#running(containerId);
    const row = this.#networks.find(reference);
    const gone = attached.endpoints.find(({ networkId }) => networkId === row.id);
    if (!gone) throw forbidden(`container ${containerId} is not connected to network ${row.name}`);
    const { netns } = attached.sandbox;
    attached.endpoints = attached.endpoints.filter((one) => one !== gone);
    this.#table.deleteEndpoint(gone);
    this.#changed(attached);
    this.#sandboxes.unplug(netns, { link: gone.link, ifname: ifnameOf(gone) });
    const network = this.#networks.liveOf(row.id);
    for (const address of addressesOf(gone)) network?.addresses.free(address);
    await this.#tellNames(containerId);
    this.#event("disconnect", row, containerId);
    return this.#connectionOf(attached);
  }

  /** Routes and ports follow the endpoints. */
  #changed(attached: Attached): void {
    this.#route(attached.sandbox.netns, attached.endpoints);
    const way = this.#publishingEndpoint(attached.endpoints);
    if (way?.networkId === attached.portNetwork) return;
    this.#ports.close(attached.ports, this.#networks.liveOf(attached.portNetwork ?? ""));
    const { ports } = this.#publish(
      attached.sandbox.containerName,
      attached.request,
      attached.endpoints,
      attached,
    );
    attached.sandbox.ports = JSON.stringify(ports);
    this.#table.setPorts(attached.sandbox.containerId, attached.sandbox.ports);
  }

  /** How a running container is connected, or undefined. */
  connection(containerId: string): Connection | undefined {
    const attached = this.#attached.get(containerId);
    return attached && this.#connectionOf(attached);
  }

  #connectionOf(attached: Attached): Connection {
    const { endpoints } = attached;
    const ways = endpoints.flatMap(({ networkId }) => this.#networks.liveOf(networkId) ?? []);
    const host = ways.flatMap(({ hostAddresses }) => hostAddresses)[0];
    return {
      ...connectionOf(attached, (id) => this.#nameOf(id)),
      ...(host && { hostAddress: formatIp(host) }),
      ...(hasNames(endpoints, this.#networks) && { hasResolver: true }),
    };
  }

  /**
   * Takes everything back that the container had, when it has stopped; nothing happens when it has nothing. Ports are
   * free when this returns; the namespace dies a moment later, by itself.
   */
  async release(containerId: string): Promise<void> {
    const attached = this.#attached.get(containerId);
    if (!attached) return;
    const { sandbox, endpoints } = attached;
    this.#attached.delete(containerId);
    this.#ports.close(attached.ports, this.#networks.liveOf(attached.portNetwork ?? ""));
    this.#table.deleteSandbox(containerId);
    this.#deps.names?.drop(containerId);
    if (sandbox.netns !== "") {
      const free = () => {
        for (const row of endpoints) {
          const network = this.#networks.liveOf(row.networkId);
          for (const address of addressesOf(row)) network?.addresses.free(address);
        }
      };
      this.#sandboxes.retire({ netns: sandbox.netns, links: linksOf(endpoints), free });
    }
    for (const { networkId } of endpoints) this.#tellOf("disconnect", networkId, containerId);
  }

  /** Publishes and unpublishes ports of a container while it runs; nothing happens to one that has no network. */
  changePorts(containerId: string, change: PortChange): void {
    const attached = this.#attached.get(containerId);
    const endpoint = attached?.endpoints.find(({ networkId }) => networkId === attached.portNetwork);
    const network = this.#networks.liveOf(endpoint?.networkId ?? "");
    if (!attached?.ports || !endpoint || !network) return;
    const { sandbox } = attached;
    changePorts(this.#ports, {
      change,
      reservation: attached.ports,
      ports: JSON.parse(sandbox.ports) as PortMap,
      link: endpoint.link,
      target: portTarget(endpoint),
      network,
      write: (ports) => {
        sandbox.ports = JSON.stringify(ports);
        this.#table.setPorts(containerId, sandbox.ports);
      },
    });
  }

  /** The container has another name now, by which others find it too. */
  rename(containerId: string, name: string): void {
    const attached = this.#attached.get(containerId);
    if (!attached) return;
    const { containerName: old } = attached.sandbox;
    this.#deps.database.transaction(() => {
      this.#table.renameSandbox(containerId, name);
      for (const row of attached.endpoints) {
        const { dnsNames = [], ...details } = detailsOf(row);
        const names = dnsNames.map((one) => (one === old ? name : one));
        row.details = JSON.stringify({ ...details, dnsNames: names });
        this.#table.setDetails(row);
      }
    });
    attached.sandbox.containerName = name;
    void this.#tellNames(containerId);
  }

  /** The networks, as `GET /networks` and `GET /networks/{id}` tell of them. */
  list(): NetworkInspect[] {
    return this.#networks.rows().map((row) => this.#inspect(row));
  }

  /** By name, id, or the beginning of an id. */
  inspect(nameOrId: string): NetworkInspect {
    return this.#inspect(this.#networks.find(nameOrId));
  }

  /** What `host-gateway` stands for in `--add-host`: the host's address on the default bridge. */
  get hostGateway(): string | undefined {
    const address = this.#bridge?.hostAddresses[0];
    return address && formatIp(address);
  }

  /**
   * Ends the daemon's part. While containers run, all that they use stays; else the bridges and the rules go as well.
   */
  async shutdown(): Promise<void> {
    this.#watch?.[Symbol.dispose]();
    for (const pool of Object.values(this.#pools)) pool.close();
    this.#ports.stop();
    await this.#sandboxes.settled();
    for (const { ports } of this.#attached.values()) ports?.[Symbol.dispose]();
    const last = this.#attached.size === 0;
    await this.#deps.names?.close({ last });
    if (last) this.#removeAll();
    this.#networks[Symbol.dispose]();
    this.#host[Symbol.dispose]();
  }

  #removeAll(): void {
    const { resources } = this.#deps;
    for (const row of this.#networks.rows()) {
      if (predefinedNames.includes(row.name)) continue;
      this.#networks.takeDown(row);
      resources.release(...resources.ofOwner(row.id));
    }
    this.#bridge?.remove();
    if (this.#bridge) resources.release(...bridgeResources(this.#bridge.identity));
    this.#sandboxes.close();
  }

  #share(containerId: string): Connection {
    const other = this.connection(containerId);
    if (!other) throw conflict(`cannot join network namespace of a non running container: ${containerId}`);
    return { ...other, sharedWith: containerId, Ports: {}, Networks: {} };
  }

  #running(containerId: string): Attached {
    const attached = this.#attached.get(containerId);
    if (!attached) throw conflict(`container ${containerId} is not running`);
    return attached;
  }

  /** The endpoint that published ports lead to. */
  #publishingEndpoint(endpoints: readonly EndpointRow[]): EndpointRow | undefined {
    const canPublish = (row: EndpointRow) =>
      row.address !== "" && (this.#networks.liveOf(row.networkId)?.hostIps.length ?? 0) > 0;
    return wayOut(endpoints, canPublish, (id) => this.#nameOf(id));
  }

  /** Opens the ports of a container; the map of what it exposes and what is published. */
  #publish(
    containerName: string,
    { exposedPorts, portBindings, publishAll }: Attached["request"],
    endpoints: readonly EndpointRow[],
    holder: Pick<Attached, "ports" | "portNetwork">,
  ): { ports: PortMap } {
    const hasNetwork = endpoints.some(({ address, address6 }) => address !== "" || address6 !== "");
    const exposed = hasNetwork ? Object.fromEntries(exposedPorts.map((key) => [key, null])) : {};
    holder.ports = undefined;
    holder.portNetwork = undefined;
    const way = this.#publishingEndpoint(endpoints);
    const network = way && this.#networks.liveOf(way.networkId);
    if (!way || !network) return { ports: exposed };
    const requests = portRequests(portBindings, exposedPorts, publishAll, network.hostIps);
    try {
      const target = portTarget(way);
      const { reservation, ports } = this.#ports.allocator.reserve(requests, target);
      try {
        this.#ports.open(reservation, way.link, network);
      } catch (error) {
        this.#ports.close(reservation, network);
        throw error;
      }
      holder.ports = reservation;
      holder.portNetwork = way.networkId;
      return { ports: { ...exposed, ...ports } };
    } catch (error) {
      const expected = [EngineError, SyscallError, NftablesError].some((type) => error instanceof type);
      if (!expected) throw error;
      const where = `driver failed programming external connectivity on endpoint ${containerName} (${way.id})`;
      throw internal(`${where}: ${messageOf(error)}`, error);
    }
  }

  /** Publishes a container's ports, and writes its rows in one transaction. */
  #attach(request: ConnectRequest, sandbox: Sandbox, endpoints: EndpointRow[]): Connection {
    const { containerId, containerName, exposedPorts, portBindings, publishAll, dns } = request;
    const kept = { exposedPorts, portBindings, publishAll, ...(dns && { dns }) };
    const row = {
      containerId,
      id: sandbox.id,
      containerName,
      netns: sandbox.netns,
      ports: "{}",
      request: JSON.stringify(kept),
    };
    const attached: Attached = {
      sandbox: row,
      endpoints,
      ports: undefined,
      portNetwork: undefined,
      request: kept,
    };
    const { ports } = this.#publish(containerName, attached.request, endpoints, attached);
    row.ports = JSON.stringify(ports);
    try {
      this.#deps.database.relaxed(() => {
        this.#table.putSandbox(row);
        for (const endpoint of endpoints) this.#table.putEndpoint(endpoint);
        if (sandbox.netns !== "") this.#sandboxes.assign(sandbox, containerId);
      });
    } catch (error) {
      this.#ports.close(attached.ports, this.#networks.liveOf(attached.portNetwork ?? ""));
      throw error;
    }
    this.#attached.set(containerId, attached);
    for (const { networkId } of endpoints) this.#tellOf("connect", networkId, containerId);
    return this.#connectionOf(attached);
  }

  /** The endpoint of a network that has no addresses: `host` and `none`. */
  #unplugged({ containerId }: ConnectRequest, name: string): EndpointRow {
    const networkId = this.#networks.named(name)?.id ?? "";
    const empty = { link: "", address: "", gateway: "", mac: "", address6: "", gateway6: "", details: "{}" };
    return { id: newId(), networkId, containerId, ...empty };
  }

  #load(): void {
    const endpoints = Map.groupBy(this.#table.endpoints(), (row) => row.containerId);
    for (const sandbox of this.#table.sandboxes()) {
      const rows = endpoints.get(sandbox.containerId) ?? [];
      this.#attached.set(sandbox.containerId, {
        sandbox,
        endpoints: rows,
        ports: undefined,
        portNetwork: undefined,
        request: JSON.parse(sandbox.request) as Attached["request"],
      });
    }
  }

  async #openBridge(): Promise<void> {
    const { config, database, resources, log } = this.#deps;
    const row = this.#table.network("bridge");
    const stored = row && (JSON.parse(row.settings) as BridgeSettings);
    const inUse = [...this.#attached.values()].some(({ endpoints }) =>
      endpoints.some(({ link, networkId }) => link !== "" && networkId === row?.id),
    );
    const remember = (settings: BridgeSettings) =>
      database.transaction(() => {
        this.#networks.predefine("bridge", "bridge", settings);
        resources.claim(...bridgeResources(settings));
      });
    const host = this.#host;
    const chooseIPv6 = () =>
      chooseSubnet(knownPrefixes(host), poolsOf(config, 6) ?? [ulaPool(newId().slice(0, 10))]);
    using _lock = await lockInNetns("longshore-bridges");
    const { settings, link } = openBridge({ host, config, stored, inUse, chooseIPv6, remember, log });
    const bridgeRow = this.#networks.predefine("bridge", "bridge", settings);
    if (stored?.ours && stored.bridge !== settings.bridge && !inUse) {
      removeFormerBridge(host, stored);
      resources.release(...bridgeResources(stored));
    }
    const spec = defaultBridgeSpec(settings, config);
    const gateways = [config.defaultGateway, config.defaultGateway6].flatMap(
      (text) => parseIp(text ?? "") ?? [],
    );
    this.#bridge = new BridgeNetwork({
      nft: this.#networks.nft,
      host,
      config,
      row: bridgeRow,
      spec,
      identity: settings,
      link,
      gateways: Object.fromEntries(gateways.map((ip) => [ip.family, ip])),
      log,
    });
    this.#networks.use(this.#bridge);
  }

  #applyAll(): void {
    for (const network of this.#networks.live()) network.apply(this.#ports.allocator.ruled(network.row.id));
  }

  get #hasUserNetworks(): boolean {
    return this.#networks.rows().some(({ name }) => !predefinedNames.includes(name));
  }

  #usersOf(networkId: string): { id: string; name: string }[] {
    return [...this.#attached.values()]
      .filter(({ endpoints }) => endpoints.some((row) => row.networkId === networkId))
      .map(({ sandbox }) => ({ id: sandbox.containerId, name: sandbox.containerName }));
  }

  /** What the resolver is told of a container; undefined when it has no network with names. */
  #named(attached: Attached): NamedSandbox | undefined {
    return namedSandbox(attached, attached.request.dns ?? [], this.#networks);
  }

  async #tellNames(containerId: string): Promise<void> {
    const attached = this.#attached.get(containerId);
    const named = attached && this.#named(attached);
    if (named) await this.#deps.names?.put(named);
    else this.#deps.names?.drop(containerId);
  }

  #nameOf(networkId: string): string {
    return this.#networks.get(networkId)?.name ?? networkId;
  }

  #tellOf(action: string, networkId: string, container: string): void {
    const row = this.#networks.get(networkId);
    if (row) this.#event(action, row, container);
  }

  #event(action: string, network: NetworkRow, container?: string): void {
    this.#deps.events(action, network, container ? { container } : {});
  }

  #inspect(row: NetworkRow): NetworkInspect {
    const usage = this.#networks.liveOf(row.id)?.addresses.usage() ?? {};
    return inspectNetwork(row, this.#networks.specOf(row), this.#attached.values(), usage);
  }
}

interface LiveEndpoint {
  network: LiveNetwork;
  asked: EndpointRequest;
}

/** Whether a sandbox that came to nothing can be another container's. */
function isUntouched({ wire }: Sandbox, endpoints: readonly LiveEndpoint[]): boolean {
  return wire ? !endpoints[0]?.asked.settings.MacAddress : endpoints.length === 0;
}

const linksOf = (endpoints: readonly EndpointRow[]) =>
  endpoints.map(({ link }) => link).filter((link) => link !== "");

function takeFrom(pool: SandboxPool, containerName: string): Sandbox {
  try {
    return pool.take();
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw internal(`failed to create endpoint ${containerName}: ${messageOf(error)}`, error);
  }
}
