import { join } from "node:path";
import type { NetworkCreateRequest, NetworkInspect } from "../api/networks.ts";
import { conflict, EngineError, forbidden, internal, messageOf } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { formatIp } from "../base/ip.ts";
import { SyscallError } from "../linux/libc.ts";
import { NetlinkSocket } from "../linux/netlink.ts";
import { Plugins } from "../plugins/client.ts";
import { dockerPluginFolders } from "../plugins/discovery.ts";
import { MetaTable } from "../store/meta.ts";
import { type EndpointRow, type NetworkRow, NetworkTable } from "../store/networks.ts";
import type { Attached } from "./attached.ts";
import { type BridgeNetwork, bridgeResources } from "./bridge-network.ts";
import type { PortChange } from "./change-ports.ts";
import { ContainerPorts } from "./container-ports.ts";
import { openDefaultBridge } from "./default-bridge.ts";
import { redirectQueries } from "./dns/redirect.ts";
import { checkEndpoint, detailsOf } from "./endpoints.ts";
import { FirewallWatch } from "./firewall-watch.ts";
import { FirewalldZone } from "./firewalld-zone.ts";
import { activeFirewall, publishWarning } from "./host-firewall.ts";
import type { LiveNetwork } from "./live-network.ts";
import type { NamedSandbox } from "./name-server.ts";
import { hasNames, namedSandbox } from "./named-sandbox.ts";
import { NetworkSet } from "./network-set.ts";
import { OwnPorts, type PortKeeper } from "./port-keeper.ts";
import { Preparation } from "./remote/preparation.ts";
import { RemoteRecords, type RemoteThing } from "./remote/records.ts";
import { RouteWatch, routeConflicts } from "./route-conflicts.ts";
import { SandboxPool } from "./sandbox-pool.ts";
import { remainsOf, type Sandbox, Sandboxes, type SandboxKind } from "./sandboxes.ts";
import { planNetwork } from "./spec.ts";
import { predefinedNames } from "./stored-spec.ts";
import { ulaPool } from "./subnets.ts";
import type { Connection, ConnectRequest, EndpointRequest, NetworkDependencies } from "./types.ts";
import { connectionOf, inspectNetwork } from "./views.ts";
import { type LiveEndpoint, type Plugged, usable, Wiring } from "./wiring.ts";

/**
 * The networks of a daemon. `start` first, then `reconcile` with the containers that are alive; then `connect` before a
 * container starts, `plug` and `unplug` while it runs, and `release` when it has stopped.
 *
 * This file is long because the order of the steps, and what is taken back when one of them fails, stand in one place; the
 * steps themselves are done by the parts that it holds.
 */
export class NetworkManager {
  readonly #deps: NetworkDependencies;
  readonly #table: NetworkTable;
  readonly #host = new NetlinkSocket();
  readonly #sandboxes: Sandboxes;
  readonly #keeper: PortKeeper;
  readonly #ports: ContainerPorts;
  readonly #wiring: Wiring;
  readonly #records: RemoteRecords;
  readonly #preparation: Preparation;
  readonly #attached = new Map<string, Attached>();
  readonly #networks: NetworkSet;
  readonly #pools: { bridge: SandboxPool; bare: SandboxPool; named: SandboxPool };
  /** Where firewalld is told of our bridges; undefined where there are to be no rules. */
  readonly #zone: FirewalldZone | undefined;
  #bridge: BridgeNetwork | undefined;
  #watch: FirewallWatch | undefined;
  #routes: RouteWatch | undefined;

  constructor(deps: NetworkDependencies) {
    const { database, resources, config, log } = deps;
    this.#deps = deps;
    this.#table = new NetworkTable(database);
    const pins = join(deps.execRoot, "netns");
    this.#sandboxes = new Sandboxes(resources, pins, this.#host, log, deps.namespaceOwner);
    const random = new MetaTable(database).once("ula", () => newId().slice(0, 10));
    const host = this.#host;
    const plugins = deps.plugins ?? new Plugins(dockerPluginFolders);
    this.#records = new RemoteRecords({ resources, plugins, log });
    this.#preparation = new Preparation(this.#records, this.#sandboxes);
    this.#networks = new NetworkSet({
      database,
      resources,
      host,
      config,
      log,
      ula: ulaPool(random),
      records: this.#records,
      plugins,
      isTold: (bridge) => this.#zone?.joined(bridge) ?? false,
      gone: (bridge) => void this.#zone?.leave([bridge]),
    });
    const { nft } = this.#networks;
    this.#zone =
      nft &&
      new FirewalldZone({
        isActive: () => activeFirewall(nft) === "firewalld",
        bridges: () => this.#networks.bridged().map(({ bridge }) => bridge),
        changed: () => this.#reopen(),
        log,
      });
    this.#keeper = deps.ports ?? new OwnPorts();
    this.#ports = new ContainerPorts({
      host,
      networks: this.#networks,
      table: this.#table,
      keeper: this.#keeper,
      records: this.#records,
      log,
    });
    this.#wiring = new Wiring(this.#sandboxes, this.#networks);
    const size = deps.poolSize ?? 4;
    const pool = (make: (owner: SandboxKind["owner"]) => Sandbox, count: number) =>
      new SandboxPool({ make, retire: (sandbox) => this.#retireUnused(sandbox) }, { size: count, log });
    this.#pools = {
      bridge: pool((owner) => this.#makeAtBridge(owner), size),
      bare: pool((owner) => this.#sandboxes.make({ owner }), Math.min(size, 2)),
      named: pool((owner) => this.#sandboxes.make({ owner, prepare: redirectQueries }), size),
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
    await this.#ports.adopt();
    if (this.#deps.config.bridge !== "none") await this.#openBridge();
    for (const { endpoints } of this.#attached.values()) this.#wiring.note(endpoints);
    for (const attached of this.#attached.values()) this.#ports.restore(attached);
    if (this.#deps.config.iptables !== false) this.#watchFirewall();
    this.#applyAll();
    this.#watch?.recogniseSelf();
    this.#zone?.look();
    this.#routes = new RouteWatch(() => this.warnings(), this.#deps.log);
    this.#routes.look();
    await this.#ports.dropUnclaimed();
  }

  #watchFirewall(): void {
    this.#watch = new FirewallWatch({
      isOurs: (table) => this.#networks.live().some(({ firewall }) => firewall?.table === table),
      restore: () => {
        this.#applyAll();
        this.#zone?.look();
      },
      reopen: () => {
        this.#reopen();
        this.#zone?.look();
      },
      log: this.#deps.log,
    });
  }

  #reopen(): void {
    for (const network of this.#networks.live()) network.reopen?.();
  }

  /** What a user should know of the networks as they are now, a sentence each. */
  warnings(): string[] {
    return routeConflicts(this.#host, this.#networks.bridged());
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
    // A plugin may take its time, or be a container that starts later.
    void this.#records.drop(this.#orphansOfPlugins());
    this.#pools.bare.refill();
    if (this.#bridge) this.#pools.bridge.refill();
    if (this.#hasUserNetworks) this.#pools.named.refill();
  }

  /** What plugins have made for networks, and for endpoints, that are no more. */
  #orphansOfPlugins(): RemoteThing[] {
    const alive = (owner: string, thing: RemoteThing) => {
      const { endpoints } = this.#attached.get(owner) ?? {};
      if (!endpoints) return this.#networks.get(owner) !== undefined;
      return !("endpoint" in thing) || endpoints.some(({ id }) => id === thing.endpoint);
    };
    return this.#records.all().flatMap(({ thing, owner }) => (alive(owner, thing) ? [] : [thing]));
  }

  /** `POST /networks/create`; the new network's id. */
  async create(request: NetworkCreateRequest): Promise<{ id: string; warning: string }> {
    const planned = planNetwork(request, this.#deps.config.defaultOptions);
    const row = await this.#networks.create(planned);
    if (row.driver === "bridge") await this.#zone?.settle();
    this.#event("create", row);
    this.#pools.named.refill();
    const own = this.#networks.bridged().filter(({ name }) => name === row.name);
    return { id: row.id, warning: routeConflicts(this.#host, own).join("\n") };
  }

  /** Removes a network. Throws `forbidden` when containers are connected, or it is predefined. */
  async remove(reference: string): Promise<void> {
    const row = this.#networks.find(reference);
    if (predefinedNames.includes(row.name)) {
      throw forbidden(`${row.name} is a pre-defined network and cannot be removed`);
    }
    if (this.#networks.isConfigOfOthers(row)) {
      throw forbidden(
        `error while removing network: configuration network ${JSON.stringify(row.name)} is in use`,
      );
    }
    const users = this.#usersOf(row.id);
    if (users.length > 0) {
      const who = users.map(({ name, id }) => `name:"${name}" id:"${id.slice(0, 12)}"`).join(", ");
      throw forbidden(`error while removing network: network ${row.name} has active endpoints (${who})`);
    }
    await this.#networks.remove(row);
    this.#event("destroy", row);
  }

  /** Removes what no container is connected to and `wanted` says; their names. */
  async prune(wanted: (network: NetworkInspect) => boolean): Promise<string[]> {
    const victims = this.#networks
      .rows()
      .filter((row) => !predefinedNames.includes(row.name) && !this.#networks.specOf(row).configOnly)
      .filter((row) => this.#usersOf(row.id).length === 0)
      .filter((row) => wanted(this.#inspect(row)));
    const removed: string[] = [];
    for (const { id, name } of victims) {
      try {
        await this.remove(id);
        removed.push(name);
      } catch (error) {
        // Somebody has removed it meanwhile, or uses it again, or its plugin does not let go of it.
        if (!(error instanceof EngineError)) throw error;
        this.#deps.log.warn("a network was not pruned", { network: name, error: error.message });
      }
    }
    // A prune is of no single network.
    this.#deps.events("prune", { id: "", name: "", driver: "" }, { reclaimed: "0" });
    return removed;
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
    const sandbox = takeFrom(pool, request);
    const { containerId } = request;
    let plugged: Plugged[] = [];
    let prepared: LiveEndpoint[] = [];
    try {
      prepared = await this.#preparation.prepare(containerId, sandbox.netns, endpoints);
      plugged = this.#wiring.plugAll(containerId, sandbox, prepared);
      const rows = endpoints.length > 0 ? plugged.map(({ row }) => row) : [this.#unplugged(request, "none")];
      const connection = await this.#attach(request, sandbox, rows);
      await this.#tellNames(request.containerId);
      return connection;
    } catch (error) {
      if (this.#attached.has(containerId)) await this.release(containerId);
      else if (isUntouched(sandbox, endpoints)) {
        if (request.owner === undefined) pool.giveBack(sandbox);
        else this.#retireUnused(sandbox);
      } else {
        const rows = plugged.map(({ row }) => row);
        this.#preparation.returnLinks(sandbox.netns, rows);
        this.#wiring.retire(sandbox.netns, plugged);
        await this.#preparation.abandon(containerId, prepared);
      }
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
    return usable(this.#networks, row, (network) => {
      for (const { endpoints } of this.#attached.values())
        this.#wiring.note(endpoints.filter(({ networkId }) => networkId === row.id));
      network.apply(this.#ports.ruled(row.id));
    });
  }

  #makeAtBridge(owner: SandboxKind["owner"]): Sandbox {
    if (!this.#bridge) throw internal("there is no default bridge");
    return this.#wiring.makeAt(this.#bridge, owner);
  }

  /** A sandbox that no container has dies, and gives its addresses back. */
  #retireUnused(sandbox: Sandbox): void {
    const { wire } = sandbox;
    const free = () => {
      if (this.#bridge && wire) this.#wiring.freeUnused(this.#bridge, wire);
    };
    this.#sandboxes.retire(remainsOf(sandbox, free));
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
    const [prepared = { network, asked }] = await this.#preparation.prepare(containerId, sandbox.netns, [
      { network, asked },
    ]);
    let plugged: Plugged;
    try {
      plugged = this.#wiring.plugMore(containerId, sandbox, prepared, endpoints);
    } catch (error) {
      await this.#preparation.abandon(containerId, [prepared]);
      throw error;
    }
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
      await this.#changed(attached);
      // Its first network with names.
      if (!hasNames(endpoints, this.#networks) && hasNames(attached.endpoints, this.#networks)) {
        this.#sandboxes.inside(sandbox.netns, redirectQueries);
      }
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
    if (!gone) throw forbidden(`container ${containerId} is not connected to the network ${row.name}`);
    const { netns } = attached.sandbox;
    attached.endpoints = attached.endpoints.filter((one) => one !== gone);
    this.#table.deleteEndpoint(gone);
    await this.#changed(attached);
    this.#wiring.unplug(netns, gone);
    await this.#preparation.finish(containerId, [gone]);
    await this.#tellNames(containerId);
    this.#event("disconnect", row, containerId);
    return this.#connectionOf(attached);
  }

  /** Routes and ports follow the endpoints. */
  async #changed(attached: Attached): Promise<void> {
    this.#wiring.route(attached.sandbox.netns, attached.endpoints);
    await this.#ports.follow(attached);
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
      ...connectionOf(attached, (id) => this.#networks.nameOf(id)),
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
    const closed = this.#ports.close(attached);
    this.#table.deleteSandbox(containerId);
    this.#deps.names?.drop(containerId);
    if (sandbox.netns !== "") {
      this.#preparation.returnLinks(sandbox.netns, endpoints);
      this.#wiring.retireOf(sandbox.netns, endpoints);
    }
    for (const { networkId } of endpoints) this.#tellOf("disconnect", networkId, containerId);
    await closed;
    await this.#preparation.finish(containerId, endpoints);
  }

  /** Publishes and unpublishes ports of a container while it runs; nothing happens to one that has no network. */
  async changePorts(containerId: string, change: PortChange): Promise<void> {
    const attached = this.#attached.get(containerId);
    if (attached) await this.#ports.change(attached, change);
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
    this.#routes?.[Symbol.dispose]();
    for (const pool of Object.values(this.#pools)) pool.close();
    this.#ports.stop();
    await this.#sandboxes.settled();
    const last = this.#attached.size === 0;
    await this.#deps.names?.close({ last });
    await this.#keeper.close({ last });
    // Whoever keeps the ports for the next daemon has sockets of its own.
    for (const { ports } of this.#attached.values()) ports?.[Symbol.dispose]();
    const bridges = this.#networks.bridged().map(({ bridge }) => bridge);
    if (last) this.#removeAll();
    if (last) await this.#zone?.leave(bridges);
    this.#zone?.[Symbol.dispose]();
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

  /** Publishes a container's ports, and writes its rows in one transaction. */
  async #attach(request: ConnectRequest, sandbox: Sandbox, endpoints: EndpointRow[]): Promise<Connection> {
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
    row.ports = JSON.stringify(await this.#ports.publish(attached));
    try {
      this.#deps.database.relaxed(() => {
        this.#table.putSandbox(row);
        for (const endpoint of endpoints) this.#table.putEndpoint(endpoint);
        if (sandbox.netns !== "") this.#sandboxes.assign(sandbox, containerId);
      });
    } catch (error) {
      await this.#ports.close(attached);
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
    const row = this.#table.network("bridge");
    const inUse = [...this.#attached.values()].some(({ endpoints }) =>
      endpoints.some(({ link, networkId }) => link !== "" && networkId === row?.id),
    );
    this.#bridge = await openDefaultBridge({
      ...this.#deps,
      host: this.#host,
      networks: this.#networks,
      row,
      inUse,
    });
  }

  #applyAll(): void {
    for (const network of this.#networks.live()) network.apply(this.#ports.ruled(network.row.id));
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

/** Whether a sandbox that came to nothing can be another container's. */
function isUntouched({ wire }: Sandbox, endpoints: readonly LiveEndpoint[]): boolean {
  return wire ? !endpoints[0]?.asked.settings.MacAddress : endpoints.length === 0;
}

function takeFrom(pool: SandboxPool, { containerName, owner }: ConnectRequest): Sandbox {
  try {
    return pool.take(owner);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw internal(`failed to create endpoint ${containerName}: ${messageOf(error)}`, error);
  }
}
