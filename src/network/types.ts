import type { EndpointSettings, PortMap } from "../api/endpoints.ts";
import type { Logger } from "../base/log.ts";
import type { IdMaps, NamespaceOwner } from "../linux/user-namespace.ts";
import type { Plugins } from "../plugins/client.ts";
import type { Database } from "../store/database.ts";
import type { NetworkRow } from "../store/networks.ts";
import type { ResourceTable } from "../store/resources.ts";
import type { NameServer } from "./name-server.ts";
import type { PortKeeper } from "./port-keeper.ts";

export const defaultMtu = 1500;

/** `host`, `none`, `bridge` (also said `default`), or `container:<full id>`. */
export type NetworkMode = string;

/** The daemon's part of the configuration, named as in daemon.json. */
export interface NetworkConfig {
  /** An existing bridge to use in place of one of our own; `none` switches the default bridge off. */
  bridge?: string;
  /** Address and prefix of our own default bridge, as in `192.168.5.1/24`. */
  bip?: string;
  /** The part of the bridge's subnet that containers get addresses from. */
  fixedCidr?: string;
  /** The default bridge has IPv6. */
  ipv6?: boolean;
  /** The default bridge's own IPv6 address and prefix. */
  bip6?: string;
  /** The default bridge's IPv6 subnet. */
  fixedCidr6?: string;
  /** The default gateway of containers, where it is not the bridge. */
  defaultGateway?: string;
  defaultGateway6?: string;
  /** Bytes; 1500 where none is given. */
  mtu?: number;
  /** False: containers of the default bridge cannot talk to each other, but by published ports. */
  icc?: boolean;
  /** The host address for ports that are published without one; all of them (IPv4 and IPv6) where none is given. */
  ip?: string;
  /** False: IPv4 forwarding is left as it is. */
  ipForward?: boolean;
  /** False: no masquerading. */
  ipMasq?: boolean;
  /** False: no firewall rules at all; published ports are relayed. */
  iptables?: boolean;
  /** False: no firewall rules for IPv6. */
  ip6tables?: boolean;
  /** Where subnets are taken from, as `{base: "10.0.0.0/8", size: 24}`; our own pools where none are given. */
  defaultAddressPools?: readonly { base: string; size: number }[];
  /** Options of new networks, by driver. */
  defaultOptions?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Tells the world what happened to a network (`create`, `connect`, `disconnect`, `destroy`, `prune`). */
export type NetworkEvents = (
  action: string,
  network: Pick<NetworkRow, "id" | "name" | "driver">,
  attributes: Record<string, string>,
) => void;

export interface NetworkDependencies {
  database: Database;
  resources: ResourceTable;
  /** The daemon's exec root; namespaces are pinned in its `netns/`. */
  execRoot: string;
  config: NetworkConfig;
  log: Logger;
  events: NetworkEvents;
  /** Answers the names of containers; none are answered without it. */
  names?: NameServer;
  /** Keeps published ports open while the daemon is away; they are the daemon's own without it. */
  ports?: PortKeeper;
  /** The ids of the user namespaces that own the containers' networks (`--userns-remap`). */
  namespaceOwner?: IdMaps | undefined;
  /** Drivers of networks, and of addresses, that are plugins; those of the usual folders where none are given. */
  plugins?: Plugins;
  /** How many namespaces are kept ready; 0 makes each when it is asked for. */
  poolSize?: number;
}

/** What a container asks of one network. */
export interface EndpointRequest {
  /** By name or id. */
  network: string;
  /** As in the API: addresses, aliases, links, driver options, priority. */
  settings: EndpointSettings;
  /** The names by which others of the network find it. */
  dnsNames: readonly string[];
}

export interface ConnectRequest {
  containerId: string;
  /** Without the slash; stands in errors and in `network inspect`. */
  containerName: string;
  mode: NetworkMode;
  /** The networks of its own, the mode's first; that of the mode alone where none are given. */
  endpoints?: readonly EndpointRequest[];
  /** `--mac-address`. */
  macAddress?: string;
  /** `80/tcp`, `53/udp`: of the image and of `--expose`. */
  exposedPorts: readonly string[];
  /** HostConfig.PortBindings. HostPort may be empty (any port) or a range (`8000-8010`). */
  portBindings: PortMap;
  /** `-P`: every exposed port that is not bound gets a port of the host. */
  publishAll: boolean;
  /** Whom a namespace of its own belongs to, where that is not as with all others (`namespaceOwner`). */
  owner?: NamespaceOwner | "host" | undefined;
  /** `--dns`: asked for names that are not of its networks, in place of the host's servers. */
  dns?: readonly string[];
}

/** How a running container is connected; the shape of NetworkSettings. */
export interface Connection {
  /** The namespace to join, pinned at this path; null for the host's own. */
  netnsPath: string | null;
  /** The namespace is another container's: it owns hosts, hostname and resolv.conf too. */
  sharedWith?: string;
  SandboxID: string;
  SandboxKey: string;
  Ports: PortMap;
  /** By network name. */
  Networks: Record<string, EndpointSettings>;
  /** The host as the container sees it; undefined without a network that the host is in. */
  hostAddress?: string;
  /** Names are resolved by the daemon's own resolver, at `resolverAddress`. */
  hasResolver?: boolean;
}
