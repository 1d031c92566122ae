import type { EndpointSettings, PortMap } from "../api/endpoints.ts";
import type { Logger } from "../base/log.ts";
import type { Database } from "../store/database.ts";
import type { NetworkRow } from "../store/networks.ts";
import type { ResourceTable } from "../store/resources.ts";

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
  /** The default gateway of containers, where it is not the bridge. */
  defaultGateway?: string;
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
  /** False: no firewall rules at all; published ports are relayed by the daemon. */
  iptables?: boolean;
  /** Where subnets are taken from, as `{base: "10.0.0.0/8", size: 24}`; Docker's pools where none are given. */
  defaultAddressPools?: readonly { base: string; size: number }[];
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
  /** How many namespaces are kept ready; 0 makes each when it is asked for. */
  poolSize?: number;
}

export interface ConnectRequest {
  containerId: string;
  /** Without the slash; stands in errors and in `network inspect`. */
  containerName: string;
  mode: NetworkMode;
  /** `--mac-address`. */
  macAddress?: string;
  /** `80/tcp`, `53/udp`: of the image and of `--expose`. */
  exposedPorts: readonly string[];
  /** HostConfig.PortBindings. HostPort may be empty (any port) or a range (`8000-8010`). */
  portBindings: PortMap;
  /** `-P`: every exposed port that is not bound gets a port of the host. */
  publishAll: boolean;
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
}
