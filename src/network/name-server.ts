/** What the resolver is told of one container. Addresses are texts without prefix length. */
export interface NamedSandbox {
  containerId: string;
  /** The namespace that its socket is in. */
  netns: string;
  /** In the order in which names are looked for. */
  networks: NamedEndpoint[];
  /** `--dns`: asked from the container's own network; empty: the host's servers are asked, by the host. */
  servers: string[];
  /** Nothing leaves its networks, so no server is asked. */
  internal: boolean;
  /** The host, as the container sees it. */
  host: string[];
}

export interface NamedEndpoint {
  id: string;
  name: string;
  subnets: string[];
  addresses: string[];
  /** By which others of the network find it. */
  names: string[];
  /** Names of its own for others: from the alias to the name. */
  links: Record<string, string>;
}

/** What answers the names of containers; see `dns/`. */
export interface NameServer {
  /** From now on it knows the container, and answers it. */
  put(sandbox: NamedSandbox): Promise<void>;
  drop(containerId: string): void;
  /** What there is, after a restart of the daemon: nothing else is. */
  replace(all: readonly NamedSandbox[]): Promise<void>;
  /** Leaves it; `last`: nobody needs it any more. */
  close(options: { last: boolean }): Promise<void>;
}
