import type {
  ContainerInspectResponse,
  EndpointSettings,
  MountPoint as MountPointSummary,
  NetworkSettings,
} from "../api/containers.ts";
import { zeroTime } from "../base/clock.ts";
import { parseSecurityOptions } from "../security/security-opt.ts";
import type { MountPoint } from "../volumes/mount-point.ts";
import { type Container, processArguments } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import type { Health } from "./health.ts";
import { shownLinks } from "./links.ts";
import { containerPaths } from "./paths.ts";
import { apparmorProfileOf } from "./spec/process.ts";

/** `GET /containers/{id}/json`. */
export function inspectContainer(deps: ContainerDeps, container: Container): ContainerInspectResponse {
  const { id, name, spec, state } = container;
  const paths = containerPaths(deps.roots, id);
  const [path = "", ...args] = processArguments(spec.config);
  const shared = sharesNetwork(container);
  return {
    Id: id,
    Created: spec.created,
    Path: path,
    Args: args,
    State: {
      Status: state.status,
      Running: ["running", "paused", "restarting"].includes(state.status),
      Paused: state.status === "paused",
      Restarting: state.status === "restarting",
      OOMKilled: state.oomKilled,
      Dead: state.status === "dead",
      Pid: state.pid,
      ExitCode: state.exitCode,
      Error: state.error,
      StartedAt: state.startedAt,
      FinishedAt: state.finishedAt,
      ...(state.health && { Health: healthOf(state.health) }),
    },
    Image: spec.imageId,
    ResolvConfPath: shared ? "" : paths.resolvConf,
    HostnamePath: shared ? "" : paths.hostname,
    HostsPath: shared ? "" : paths.hosts,
    LogPath: spec.hostConfig.LogConfig?.Type === "json-file" ? paths.log : "",
    Name: `/${name}`,
    RestartCount: state.restartCount,
    Driver: "overlay2",
    Platform: "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: apparmorProfile(deps, container),
    ExecIDs: deps.execs.ofContainer(id),
    HostConfig: spec.links
      ? { ...spec.hostConfig, Links: shownLinks(deps.set, container) ?? undefined }
      : spec.hostConfig,
    GraphDriver: {
      Name: "overlay2",
      Data: {
        LowerDir: lowerDirectories(deps, container),
        UpperDir: paths.upper,
        WorkDir: paths.work,
        MergedDir: paths.rootfs,
      },
    },
    Mounts: spec.mounts.map(mountPointSummary),
    Config: spec.config,
    NetworkSettings: networkSettings(deps, container),
  };
}

/** What was asked for until the first start, and from then on what confines it. */
function apparmorProfile({ specHost, settings }: ContainerDeps, { spec, state }: Container): string {
  const options = parseSecurityOptions(spec.hostConfig.SecurityOpt ?? [], settings.securityDefaults);
  if (state.startedAt === zeroTime) return options.apparmor ?? "";
  return apparmorProfileOf(options, spec.hostConfig.Privileged ?? false, specHost) ?? "";
}

function healthOf({ status, failingStreak, log }: Health) {
  return { Status: status, FailingStreak: failingStreak, Log: log };
}

/** Layers that are not there (a power failure took them) are unpacked again at the next start. */
function lowerDirectories({ layers }: ContainerDeps, { spec }: Container): string {
  const there = spec.layers.filter((layer) => layers.has(layer));
  return there
    .map((layer) => layers.path(layer))
    .toReversed()
    .join(":");
}

function sharesNetwork(container: Container): boolean {
  return container.spec.hostConfig.NetworkMode?.startsWith("container:") ?? false;
}

/** What the container got while it runs; what it asked for, without addresses, while it does not. */
export function networkSettings(deps: ContainerDeps, container: Container): NetworkSettings {
  const connection = deps.network.connection(container.id);
  const Networks = connection?.Networks ?? idleNetworks(deps, container);
  return {
    Bridge: "",
    SandboxID: connection?.SandboxID ?? "",
    SandboxKey: connection?.SandboxKey ?? "",
    Ports: connection?.Ports ?? {},
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    ...defaultEndpoint(Networks.bridge),
    Networks,
  };
}

/** The endpoint in the default bridge, as it stands beside the list of networks too. */
function defaultEndpoint(endpoint: EndpointSettings = {}) {
  return {
    EndpointID: endpoint.EndpointID ?? "",
    Gateway: endpoint.Gateway ?? "",
    GlobalIPv6Address: endpoint.GlobalIPv6Address ?? "",
    GlobalIPv6PrefixLen: endpoint.GlobalIPv6PrefixLen ?? 0,
    IPAddress: endpoint.IPAddress ?? "",
    IPPrefixLen: endpoint.IPPrefixLen ?? 0,
    IPv6Gateway: endpoint.IPv6Gateway ?? "",
    MacAddress: endpoint.MacAddress ?? "",
  };
}

function idleNetworks(deps: ContainerDeps, container: Container): NetworkSettings["Networks"] {
  const mode = container.spec.hostConfig.NetworkMode ?? "bridge";
  if (mode.startsWith("container:")) return {};
  const { endpoints } = container.spec;
  const asked = Object.keys(endpoints).length > 0 ? endpoints : { [mode]: {} };
  return Object.fromEntries(
    Object.entries(asked).map(([name, settings]) => {
      const NetworkID = deps.network.idOf(name) ?? "";
      return [name, { ...idleEndpoint, ...settings, NetworkID }];
    }),
  );
}

const idleEndpoint = {
  IPAMConfig: null,
  Links: null,
  Aliases: null,
  DriverOpts: null,
  GwPriority: 0,
  NetworkID: "",
  EndpointID: "",
  Gateway: "",
  IPAddress: "",
  MacAddress: "",
  IPPrefixLen: 0,
  IPv6Gateway: "",
  GlobalIPv6Address: "",
  GlobalIPv6PrefixLen: 0,
  DNSNames: null,
};

/** A mount as the API shows it. */
export function mountPointSummary(mount: MountPoint): MountPointSummary {
  return {
    Type: mount.type,
    Name: mount.name,
    Source: mount.source,
    Destination: mount.destination,
    Driver: mount.driver,
    Mode: mount.mode,
    RW: mount.rw,
    Propagation: mount.propagation,
  };
}
