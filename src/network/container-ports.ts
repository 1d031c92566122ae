import type { PortMap } from "../api/endpoints.ts";
import { EngineError, internal, messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { SyscallError } from "../linux/libc.ts";
import type { NetlinkSocket } from "../linux/netlink.ts";
import { NftablesError } from "../linux/nftables.ts";
import type { EndpointRow, NetworkTable } from "../store/networks.ts";
import type { Attached } from "./attached.ts";
import { changePorts, type PortChange } from "./change-ports.ts";
import { wayOut } from "./endpoints.ts";
import type { PublishedPort } from "./firewall.ts";
import type { NetworkSet } from "./network-set.ts";
import type { PortKeeper } from "./port-keeper.ts";
import { portRequests } from "./port-requests.ts";
import { PublishedPorts } from "./published-ports.ts";
import { ExternalConnectivity } from "./remote/external.ts";
import type { RemoteRecords } from "./remote/records.ts";
import { portTarget, publishedPorts } from "./views.ts";

/** The published ports of containers: by which of their networks they are reached, and from when to when. */
export class ContainerPorts {
  readonly #networks: NetworkSet;
  readonly #table: NetworkTable;
  readonly #ports: PublishedPorts;
  readonly #external: ExternalConnectivity;

  constructor(deps: {
    host: NetlinkSocket;
    networks: NetworkSet;
    table: NetworkTable;
    keeper: PortKeeper;
    records: RemoteRecords;
    log: Logger;
  }) {
    this.#networks = deps.networks;
    this.#table = deps.table;
    this.#ports = new PublishedPorts(deps.host, deps.keeper, deps.log);
    this.#external = new ExternalConnectivity(deps.records, deps.networks);
  }

  /** All ports that the kernel's rules are to carry into a network. */
  ruled(networkId: string): PublishedPort[] {
    return this.#ports.allocator.ruled(networkId);
  }

  stop(): void {
    this.#ports.stop();
  }

  /** Takes up the sockets that were kept since an earlier daemon; `restore` claims them, `dropUnclaimed` closes the rest. */
  adopt(): Promise<void> {
    return this.#ports.adopt();
  }

  dropUnclaimed(): Promise<void> {
    return this.#ports.dropUnclaimed();
  }

  /** Opens the ports of a container; the map of what it exposes and what is published. Errors in Docker's words. */
  async publish(attached: Attached): Promise<PortMap> {
    const { endpoints, sandbox, request } = attached;
    const { exposedPorts, portBindings, publishAll } = request;
    const hasNetwork = endpoints.some(({ address, address6 }) => address !== "" || address6 !== "");
    const exposed = hasNetwork ? Object.fromEntries(exposedPorts.map((key) => [key, null])) : {};
    attached.ports = undefined;
    attached.portNetwork = undefined;
    await this.#external.follow(attached);
    const way = this.#publishingEndpoint(endpoints);
    const network = way && this.#networks.liveOf(way.networkId);
    if (!way || !network) return exposed;
    const requests = portRequests(portBindings, exposedPorts, publishAll, network.hostIps);
    try {
      const { reservation, ports } = this.#ports.allocator.reserve(requests, {
        ...portTarget(way),
        routed: network.routed,
      });
      try {
        this.#ports.open(reservation, way.link, network);
      } catch (error) {
        await this.#ports.close(reservation, network);
        throw error;
      }
      attached.ports = reservation;
      attached.portNetwork = way.networkId;
      return { ...exposed, ...ports };
    } catch (error) {
      const expected = [EngineError, SyscallError, NftablesError].some((type) => error instanceof type);
      if (!expected) throw error;
      const where = `driver failed programming external connectivity on endpoint ${sandbox.containerName} (${way.id})`;
      throw internal(`${where}: ${messageOf(error)}`, error);
    }
  }

  /** Takes up the ports of a container that runs since before this daemon. */
  restore(attached: Attached): void {
    const way = this.#publishingEndpoint(attached.endpoints);
    attached.portNetwork = way?.networkId;
    attached.ports = this.#ports.restore(way ? publishedPorts(attached.sandbox, way) : []);
  }

  /** They are free when this resolves. */
  close({ ports, portNetwork }: Pick<Attached, "ports" | "portNetwork">): Promise<void> {
    return this.#ports.close(ports, this.#networks.liveOf(portNetwork ?? ""));
  }

  /** Ports follow the endpoints of a container, which have changed. */
  async follow(attached: Attached): Promise<void> {
    const { sandbox } = attached;
    await this.#external.follow(attached);
    const way = this.#publishingEndpoint(attached.endpoints);
    if (way?.networkId === attached.portNetwork) return;
    await this.close(attached);
    sandbox.ports = JSON.stringify(await this.publish(attached));
    this.#table.setPorts(sandbox.containerId, sandbox.ports);
  }

  /** Publishes and unpublishes ports of a container while it runs; nothing happens to one that has no network. */
  async change(attached: Attached, change: PortChange): Promise<void> {
    const { sandbox, endpoints, portNetwork } = attached;
    const endpoint = endpoints.find(({ networkId }) => networkId === portNetwork);
    const network = this.#networks.liveOf(endpoint?.networkId ?? "");
    if (!attached.ports || !endpoint || !network) return;
    await changePorts(this.#ports, {
      change,
      reservation: attached.ports,
      ports: JSON.parse(sandbox.ports) as PortMap,
      link: endpoint.link,
      target: { ...portTarget(endpoint), routed: network.routed },
      network,
      write: (ports) => {
        sandbox.ports = JSON.stringify(ports);
        this.#table.setPorts(sandbox.containerId, sandbox.ports);
      },
    });
  }

  /** The endpoint that published ports lead to. */
  #publishingEndpoint(endpoints: readonly EndpointRow[]): EndpointRow | undefined {
    const canPublish = (row: EndpointRow) =>
      row.address !== "" && (this.#networks.liveOf(row.networkId)?.hostIps.length ?? 0) > 0;
    return wayOut(endpoints, canPublish, (id) => this.#networks.nameOf(id));
  }
}
