import { forbidden, internal, invalidArgument, messageOf } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { parseIp } from "../base/ip.ts";
import { SyscallError } from "../linux/libc.ts";
import type { EndpointRow, NetworkRow } from "../store/networks.ts";
import { setDefaultRoutes } from "./default-routes.ts";
import {
  addressesOf,
  detailsOf,
  type EndpointIdentity,
  endpointRow,
  ifnameOf,
  parseMac,
  planWire,
  wayOut,
} from "./endpoints.ts";
import type { DefaultRoute, LiveNetwork, Wire } from "./live-network.ts";
import type { NetworkSet } from "./network-set.ts";
import type { PreparedEndpoint } from "./remote/preparation.ts";
import { linkName, type Sandbox, type Sandboxes, type SandboxKind } from "./sandboxes.ts";
import type { EndpointRequest } from "./types.ts";

/** A network in use, and what a container asks of it. */
export interface LiveEndpoint {
  network: LiveNetwork;
  asked: EndpointRequest;
  /** What plugins have said of it. */
  prepared?: PreparedEndpoint;
}

/** An endpoint that is being made. */
export interface Plugged {
  network: LiveNetwork;
  wire: Wire;
  row: EndpointRow;
}

/** The container's end of a network that is to be made. */
interface NewEnd extends LiveEndpoint {
  identity: EndpointIdentity;
  /** Names of interfaces that the container has. */
  taken: ReadonlySet<string>;
  /** How many ends it has had. */
  number: number;
}

/** Ties namespaces to networks: interfaces, addresses, default routes. */
export class Wiring {
  readonly #sandboxes: Sandboxes;
  readonly #networks: NetworkSet;

  constructor(sandboxes: Sandboxes, networks: NetworkSet) {
    this.#sandboxes = sandboxes;
    this.#networks = networks;
  }

  /** A namespace that is tied to a network before there is a container. */
  makeAt(network: LiveNetwork, owner?: SandboxKind["owner"]): Sandbox {
    const wire = planWire(network, {}, new Set());
    const way = (family: 4 | 6) => {
      const ip = wire.addresses.find((address) => address.family === family);
      const route = ip && network.defaultRoute(ip, family);
      return route && { route, ifname: wire.ifname };
    };
    try {
      return this.#sandboxes.make(
        { network, owner, prepare: (inside) => setDefaultRoutes(inside, { 4: way(4), 6: way(6) }) },
        wire,
      );
    } catch (error) {
      free(network, { link: "", addresses: wire.addresses });
      throw error;
    }
  }

  /** Ties a sandbox to networks, in their order; or to none. */
  plugAll(containerId: string, sandbox: Sandbox, endpoints: readonly LiveEndpoint[]): Plugged[] {
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
        const identity = { id: endpoint.prepared?.id ?? newId(), containerId };
        done.push(this.#plugOne(sandbox, { ...endpoint, identity, taken, number: done.length }));
      }
      this.route(
        sandbox.netns,
        done.map(({ row }) => row),
      );
      return done;
    } catch (error) {
      this.retire(sandbox.netns, done);
      throw error;
    }
  }

  /** Ties a namespace that has `present` to one more network; its routes are another step. */
  plugMore(
    containerId: string,
    sandbox: Sandbox,
    endpoint: LiveEndpoint,
    present: readonly EndpointRow[],
  ): Plugged {
    const taken = new Set(present.map(ifnameOf));
    const numbers = present.map(({ link }) => Number(/-(\d+)$/.exec(link)?.[1] ?? 0));
    const number = present.some(({ link }) => link !== "") ? Math.max(...numbers) + 1 : 0;
    return this.#plugOne(sandbox, {
      ...endpoint,
      identity: { id: endpoint.prepared?.id ?? newId(), containerId },
      taken,
      number,
    });
  }

  #plugOne(sandbox: Sandbox, { network, asked, prepared, identity, taken, number }: NewEnd): Plugged {
    const plan = planWire(network, asked.settings, taken, prepared);
    const link = network.hasHostEnd ? linkName(sandbox.id, number) : "";
    const wire = { ...plan, link };
    try {
      this.#sandboxes.plug(sandbox, network, wire, identity.containerId);
    } catch (error) {
      free(network, wire);
      throw error instanceof SyscallError
        ? internal(`failed to create endpoint on network ${network.row.name}: ${messageOf(error)}`, error)
        : error;
    }
    return { network, wire, row: endpointRow(identity, network, wire, asked) };
  }

  /** Takes one end of a container away that lives on, and gives its addresses back. */
  unplug(netns: string, row: EndpointRow): void {
    const { source } = detailsOf(row);
    if (source) this.#sandboxes.returnLink(netns, { ifname: ifnameOf(row), source });
    else if (row.link !== "" || !this.#networks.liveOf(row.networkId)?.remote) {
      this.#sandboxes.unplug(netns, { link: row.link, ifname: ifnameOf(row) });
    }
    this.free([row]);
  }

  /** Lets a namespace die that no container got. */
  retire(netns: string, plugged: readonly Plugged[]): void {
    const links = linksOf(plugged.map(({ row }) => row));
    const freeAll = () => {
      for (const { network, wire } of plugged) free(network, wire);
    };
    this.#sandboxes.retire({ netns, links, free: freeAll });
  }

  /** Lets the namespace of a container die that has stopped. */
  retireOf(netns: string, endpoints: readonly EndpointRow[]): void {
    this.#sandboxes.retire({ netns, links: linksOf(endpoints), free: () => this.free(endpoints) });
  }

  /** Takes up what an earlier daemon gave to a container. */
  note(endpoints: readonly EndpointRow[]): void {
    for (const row of endpoints) {
      const network = this.#networks.liveOf(row.networkId);
      const addresses = addressesOf(row);
      for (const address of addresses) network?.addresses.reserve(address);
      const gateways = [row.gateway, row.gateway6].flatMap((text) => parseIp(text) ?? []);
      network?.note?.({ link: row.link, mac: row.mac, addresses, gateways });
    }
  }

  /** Gives addresses back. */
  free(endpoints: readonly EndpointRow[]): void {
    for (const row of endpoints) {
      const network = this.#networks.liveOf(row.networkId);
      if (network) free(network, { link: row.link, addresses: addressesOf(row) });
    }
  }

  /** Gives back what a namespace had that no container got. */
  freeUnused(network: LiveNetwork, wire: Wire): void {
    free(network, wire);
  }

  /** Sets the default routes of a namespace as its endpoints have them. */
  route(netns: string, endpoints: readonly EndpointRow[]): void {
    const of = (family: 4 | 6) => {
      const row = wayOut(
        endpoints,
        (one) => this.#routeOf(one, family) !== undefined,
        (id) => this.#networks.nameOf(id),
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
}

function free(network: LiveNetwork, { link, addresses }: Pick<Wire, "link" | "addresses">): void {
  for (const address of addresses) network.addresses.free(address);
  network.forget?.(link);
}

/** The host's ends. */
export const linksOf = (endpoints: readonly EndpointRow[]) =>
  endpoints.map(({ link }) => link).filter((link) => link !== "");

/**
 * The network behind a row; one that could not be opened is tried again, as what was missing may be there by now (the parent
 * of a macvlan), and told to `opened`. Throws `invalidArgument` or `forbidden` for one that nobody can be connected to.
 */
export function usable(
  networks: NetworkSet,
  row: NetworkRow,
  opened: (network: LiveNetwork) => void,
): LiveNetwork {
  const live = networks.liveOf(row.id);
  if (live) return live;
  if (row.name === "host") {
    throw invalidArgument(
      "container sharing network namespace with another container or host cannot be connected to any other network",
    );
  }
  if (networks.specOf(row).configOnly)
    throw forbidden("cannot create endpoint on configuration-only network");
  const again = networks.openAgain(row);
  opened(again);
  return again;
}
