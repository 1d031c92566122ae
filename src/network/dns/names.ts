import { contains, formatIp, parseIp, parsePrefix } from "../../base/ip.ts";
import type { NamedEndpoint, NamedSandbox } from "../name-server.ts";

/** What a name, or an address, stands for in a network. */
interface Entry {
  containerId: string;
  addresses: readonly string[];
}

interface KnownNetwork {
  name: string;
  /** By name in lower case. */
  names: Map<string, Map<string, Entry>>;
  /** By address: the container's name. */
  owners: Map<string, string>;
}

/** The names of all containers, by network. */
export class Names {
  readonly #sandboxes = new Map<string, NamedSandbox>();
  readonly #networks = new Map<string, KnownNetwork>();

  put(sandbox: NamedSandbox): void {
    this.drop(sandbox.containerId);
    this.#sandboxes.set(sandbox.containerId, sandbox);
    for (const endpoint of sandbox.networks) this.#add(sandbox.containerId, endpoint);
  }

  drop(containerId: string): void {
    const sandbox = this.#sandboxes.get(containerId);
    this.#sandboxes.delete(containerId);
    for (const endpoint of sandbox?.networks ?? []) this.#remove(containerId, endpoint);
  }

  get(containerId: string): NamedSandbox | undefined {
    return this.#sandboxes.get(containerId);
  }

  ids(): string[] {
    return [...this.#sandboxes.keys()];
  }

  #add(containerId: string, { id, name, names, addresses }: NamedEndpoint): void {
    const network = this.#networks.get(id) ?? { name, names: new Map(), owners: new Map() };
    this.#networks.set(id, network);
    for (const one of names) {
      const key = one.toLowerCase();
      const entries = network.names.get(key) ?? new Map<string, Entry>();
      network.names.set(key, entries.set(containerId, { containerId, addresses }));
    }
    for (const address of addresses) network.owners.set(address, names[0] ?? containerId);
  }

  #remove(containerId: string, { id, names, addresses }: NamedEndpoint): void {
    const network = this.#networks.get(id);
    if (!network) return;
    for (const one of names) {
      const key = one.toLowerCase();
      const entries = network.names.get(key);
      entries?.delete(containerId);
      if (entries?.size === 0) network.names.delete(key);
    }
    for (const address of addresses) network.owners.delete(address);
    if (network.names.size === 0) this.#networks.delete(id);
  }

  /**
   * The addresses of a name (in lower case), as the container's networks have it: of the first of them that knows it;
   * undefined when none does. Who has the name in several networks is also called `name.network`.
   */
  lookUp(sandbox: NamedSandbox, name: string): string[] | undefined {
    for (const endpoint of sandbox.networks) {
      const network = this.#networks.get(endpoint.id);
      const alias = linkOf(endpoint, name);
      const suffix = `.${endpoint.name.toLowerCase()}`;
      const bare = name.endsWith(suffix) ? name.slice(0, -suffix.length) : undefined;
      const found = addressesOf(network, [alias, name, bare]);
      if (found) return found;
    }
    return undefined;
  }

  /** The name of the container that has an address, with its network's; undefined where it is in none of them. */
  ownerOf(sandbox: NamedSandbox, text: string): { name: string | undefined } | undefined {
    const ip = parseIp(text);
    if (!ip) return undefined;
    const inside = sandbox.networks.filter(({ subnets }) =>
      subnets.some((subnet) => contains(parsePrefix(subnet), ip)),
    );
    if (inside.length === 0) return undefined;
    for (const { id, name } of inside) {
      const owner = this.#networks.get(id)?.owners.get(formatIp(ip));
      if (owner !== undefined) return { name: `${owner}.${name}` };
    }
    return { name: undefined };
  }
}

function linkOf({ links }: NamedEndpoint, name: string): string | undefined {
  return Object.entries(links).find(([alias]) => alias.toLowerCase() === name)?.[1];
}

/** Of the first of `candidates` that the network knows. */
function addressesOf(
  network: KnownNetwork | undefined,
  candidates: readonly (string | undefined)[],
): string[] | undefined {
  for (const name of candidates) {
    const entries = name === undefined ? undefined : network?.names.get(name.toLowerCase());
    if (entries) return [...entries.values()].flatMap(({ addresses }) => addresses);
  }
  return undefined;
}
