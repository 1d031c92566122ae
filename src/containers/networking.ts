import { readFileSync, writeFileSync } from "node:fs";
import type { ContainerConfig, EndpointSettings, HostConfig } from "../api/containers.ts";
import { conflict, EngineError, forbidden, internal, invalidArgument, messageOf } from "../base/errors.ts";
import { shortId } from "../base/ids.ts";
import { etcResolvConf, ownHosts, withHosts, withoutHosts } from "../network/files.ts";
import type { Connection, ConnectRequest, EndpointRequest } from "../network/types.ts";
import { type Container, type ContainerSpec, isRunning } from "./container.ts";
import type { ContainerDeps, DnsSettings } from "./deps.ts";
import { containerPaths } from "./paths.ts";
import { networkOwner } from "./user-namespace.ts";

/** Modes that are no network of the container's own. */
const isShared = (mode: string) => mode === "host" || mode.startsWith("container:");

/** What of an endpoint's settings is asked for; the rest is what came of it. */
export function askedSettings(settings: EndpointSettings): EndpointSettings {
  const { IPAMConfig, Links, Aliases, DriverOpts, GwPriority, MacAddress } = settings;
  return {
    IPAMConfig: IPAMConfig ?? null,
    Links: Links ?? null,
    Aliases: Aliases ?? null,
    DriverOpts: DriverOpts ?? null,
    GwPriority: GwPriority ?? 0,
    ...(MacAddress && { MacAddress }),
  };
}

/**
 * The networks that a container is created with, by name: the mode's first. Throws `invalidArgument` for settings that a
 * network cannot follow, `conflict` for networks that cannot be together.
 */
export function planEndpoints(
  deps: ContainerDeps,
  { NetworkMode = "" }: HostConfig,
  asked: Readonly<Record<string, EndpointSettings | null>>,
): Record<string, EndpointSettings> {
  const mode = NetworkMode === "default" || NetworkMode === "" ? "bridge" : NetworkMode;
  if (mode.startsWith("container:")) return {};
  const nameOf = (reference: string) => deps.network.nameOf(reference) ?? reference;
  const found = new Map<string, EndpointSettings>();
  const first = nameOf(mode);
  for (const [reference, settings] of Object.entries(asked)) {
    const name = nameOf(reference === "default" ? "bridge" : reference);
    check(deps, name, settings ?? {});
    found.set(name, askedSettings(settings ?? {}));
  }
  const names = [first, ...[...found.keys()].filter((name) => name !== first).sort()];
  if (names.length > 1) {
    for (const name of names) refuseTogether(names.find((one) => one !== name) ?? "", name);
  }
  return Object.fromEntries(names.map((name) => [name, found.get(name) ?? askedSettings({})]));
}

function check(deps: ContainerDeps, network: string, settings: EndpointSettings): void {
  try {
    deps.network.check({ network, settings });
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new EngineError(error.code, `invalid config for network ${network}: ${error.message}`, {
      cause: error,
    });
  }
}

const sharedNamespace =
  "container sharing network namespace with another container or host cannot be connected to any other network";

/** Throws `invalidArgument` when a container of the network `present` cannot have `next` as well. */
function refuseTogether(present: string, next: string): void {
  if (present === "host") throw invalidArgument(sharedNamespace);
  if (next === "host") {
    throw invalidArgument(
      "cannot connect container to host network - container must be created in host network mode",
    );
  }
  if (next === "none" || present === "none") {
    throw invalidArgument(
      "container cannot be connected to multiple networks with one of the networks in private (none) mode",
    );
  }
}

/** A daemon without the default network (`--bridge=none`): who asks for no other has loopback alone, as with Docker. */
function isWithoutDefault({ network }: ContainerDeps, mode: string): boolean {
  return mode === "bridge" && network.nameOf(mode) === undefined;
}

/** What a container asks of its networks when it starts. */
export function connectRequest(deps: ContainerDeps, container: Container): ConnectRequest {
  const { config, hostConfig } = container.spec;
  const mode = hostConfig.NetworkMode || "bridge";
  const isOff = config.NetworkDisabled || isWithoutDefault(deps, mode);
  const mac = config.MacAddress || undefined;
  return {
    containerId: container.id,
    containerName: container.name,
    mode: isOff ? "none" : ownerOfMode(deps, mode),
    ...(!isOff && !isShared(mode) && { endpoints: requestsOf(container, mode) }),
    ...(mac && { macAddress: mac }),
    exposedPorts: Object.keys(config.ExposedPorts ?? {}),
    portBindings: bindings(hostConfig.PortBindings ?? {}),
    publishAll: hostConfig.PublishAllPorts ?? false,
    dns: dnsOf(deps, hostConfig).servers,
    owner: networkOwner(deps, container),
  };
}

/** The container's own, where it has any, else the daemon's. */
export function dnsOf({ settings }: ContainerDeps, { Dns, DnsSearch, DnsOptions }: HostConfig): DnsSettings {
  const own = <T>(list: readonly T[] | null | undefined, others: readonly T[]) =>
    list && list.length > 0 ? list : others;
  return {
    servers: own(Dns, settings.dns.servers),
    search: own(DnsSearch, settings.dns.search),
    options: own(DnsOptions, settings.dns.options),
  };
}

function requestsOf(container: Container, mode: string): EndpointRequest[] {
  const { endpoints } = container.spec;
  // Who has been disconnected from all gets the mode's network again.
  const asked = Object.keys(endpoints).length > 0 ? endpoints : { [mode]: askedSettings({}) };
  return Object.entries(asked).map(([network, settings]) => endpointRequest(container, network, settings));
}

function endpointRequest(
  { id, name, spec }: Container,
  network: string,
  settings: EndpointSettings,
): EndpointRequest {
  return { network, settings, dnsNames: dnsNames(spec.config, { id, name }, settings) };
}

/** The container's name, its aliases in the network, its short id, its host name. */
function dnsNames(
  { Hostname }: ContainerConfig,
  { id, name }: { id: string; name: string },
  { Aliases }: EndpointSettings,
): string[] {
  return [...new Set([name, ...(Aliases ?? []), shortId(id), ...(Hostname ? [Hostname] : [])])];
}

/** `container:<name>` as `container:<id>`. Throws `conflict` when that one does not run. */
function ownerOfMode(deps: ContainerDeps, mode: string): string {
  if (!mode.startsWith("container:")) {
    deps.network.inspect(mode);
    return mode;
  }
  const reference = mode.slice("container:".length);
  if (!deps.set.has(reference)) {
    throw internal(`joining network namespace of container: No such container: ${reference}`);
  }
  const other = deps.set.find(reference);
  if (!isRunning(other)) {
    const why = `container ${other.name} is ${other.state.status}`;
    throw conflict(`cannot join network namespace of a non running container: ${why}`);
  }
  return `container:${other.id}`;
}

function bindings(ports: NonNullable<HostConfig["PortBindings"]>) {
  return Object.fromEntries(
    Object.entries(ports).map(([port, list]) => [
      port,
      (list ?? []).map(({ HostIp = "", HostPort = "" }) => ({ HostIp, HostPort })),
    ]),
  );
}

/** Gives a container that is about to start its network; errors say that it was that. */
export async function connectNetwork(deps: ContainerDeps, container: Container): Promise<Connection> {
  try {
    return await deps.network.connect(connectRequest(deps, container));
  } catch (error) {
    const isShared = container.spec.hostConfig.NetworkMode?.startsWith("container:");
    if (isShared || !(error instanceof EngineError)) throw error;
    throw new EngineError(error.code, `failed to set up container networking: ${error.message}`, {
      cause: error,
    });
  }
}

/** `docker network connect`: now when it runs, else from its next start on. */
export function connectContainer(
  deps: ContainerDeps,
  container: Container,
  reference: string,
  settings: EndpointSettings,
): Promise<void> {
  return deps.turns.run(container.id, async () => {
    const { Name: network } = deps.network.inspect(reference);
    refuseShared(container, network);
    for (const present of Object.keys(container.spec.endpoints)) {
      if (present !== network) refuseTogether(present, network);
    }
    const asked = askedSettings(settings);
    if (isAttached(deps, container)) {
      const request = endpointRequest(container, network, asked);
      await changeNetworks(deps, container, () => deps.network.plug(container.id, request));
    } else {
      // As in Docker, what was asked for before counts.
      if (container.spec.endpoints[network]) return;
      deps.network.check({ network, settings: asked });
    }
    save(deps, container, { ...container.spec.endpoints, [network]: asked });
  });
}

/** `docker network disconnect`. `force`: what is not there is no error. */
export function disconnectContainer(
  deps: ContainerDeps,
  container: Container,
  reference: string,
): Promise<void> {
  return deps.turns.run(container.id, async () => {
    // Of a network that is gone the container may still know the name.
    const network = deps.network.nameOf(reference) ?? reference;
    if (network === "host" && container.spec.hostConfig.NetworkMode === "host") {
      throw invalidArgument(
        "cannot disconnect container from host network - container was created in host network mode",
      );
    }
    const { [network]: gone, ...others } = container.spec.endpoints;
    if (!gone) throw forbidden(`container ${container.id} is not connected to the network ${network}`);
    if (isAttached(deps, container)) {
      await changeNetworks(deps, container, () => deps.network.unplug(container.id, network));
    }
    save(deps, container, others);
  });
}

function refuseShared({ spec, state }: Container, network: string): void {
  if (["removing", "dead"].includes(state.status)) {
    throw conflict("container is marked for removal and cannot be connected or disconnected");
  }
  const { NetworkMode = "" } = spec.hostConfig;
  if (NetworkMode.startsWith("container:") || NetworkMode === "host") throw invalidArgument(sharedNamespace);
  if (network === "host") refuseTogether(NetworkMode, network);
}

/** A container that is about to be restarted has no network. */
function isAttached(deps: ContainerDeps, container: Container): boolean {
  return isRunning(container) && deps.network.connection(container.id) !== undefined;
}

function save(deps: ContainerDeps, container: Container, endpoints: ContainerSpec["endpoints"]): void {
  container.spec = { ...container.spec, endpoints };
  deps.set.saveSpec(container);
}

/** The addresses of a running container in all its networks. */
export function addressesOf({ Networks }: Connection): string[] {
  return Object.values(Networks)
    .flatMap(({ IPAddress = "", GlobalIPv6Address = "" }) => [IPAddress, GlobalIPv6Address])
    .filter((address) => address !== "");
}

function ownAddresses(deps: ContainerDeps, { id }: Container): string[] {
  const connection = deps.network.connection(id);
  return connection ? addressesOf(connection) : [];
}

/** /etc/resolv.conf of a container that is connected so. */
export function resolvConf(
  deps: ContainerDeps,
  { spec: { hostConfig } }: Container,
  { hasResolver = false }: Connection,
): string {
  const { servers, search, options } = dnsOf(deps, hostConfig);
  const hostNetwork = hostConfig.NetworkMode === "host";
  return etcResolvConf({ hostNetwork, resolver: hasResolver, dns: servers, search, options });
}

/** Changes the networks of a running container; its files follow. */
async function changeNetworks(
  deps: ContainerDeps,
  container: Container,
  change: () => Promise<Connection>,
): Promise<void> {
  const before = deps.network.connection(container.id);
  const addresses = before ? addressesOf(before) : [];
  const after = await change();
  rewriteHosts(deps, container, addresses);
  if (before) rewriteResolvConf(deps, container, before, after);
}

/** A file that the container has changed stays as it is. */
function rewriteResolvConf(
  deps: ContainerDeps,
  container: Container,
  before: Connection,
  after: Connection,
): void {
  const [old, text] = [before, after].map((connection) => resolvConf(deps, container, connection));
  if (text === undefined || old === text) return;
  const { resolvConf: path } = containerPaths(deps.roots, container.id);
  try {
    // In place: the file is mounted in the container.
    if (readFileSync(path, "utf8") === old) writeFileSync(path, text);
  } catch (error) {
    deps.log.warn("the resolv.conf of a container could not be changed", {
      container: container.id,
      error: messageOf(error),
    });
  }
}

/** Has a running container find itself by its addresses of now, in place of those of `before`. */
function rewriteHosts(deps: ContainerDeps, container: Container, before: readonly string[]): void {
  const now = ownAddresses(deps, container);
  const { Hostname: hostname = "", Domainname: domainname = "" } = container.spec.config;
  const { hosts } = containerPaths(deps.roots, container.id);
  const lines = (addresses: readonly string[]) => ownHosts({ hostname, domainname, addresses });
  try {
    const text = withoutHosts(readFileSync(hosts, "utf8"), lines(before.filter((ip) => !now.includes(ip))));
    // In place: the file is mounted in the container.
    writeFileSync(hosts, withHosts(text, lines(now.filter((ip) => !before.includes(ip)))));
  } catch (error) {
    deps.log.warn("the hosts file of a container could not be changed", {
      container: container.id,
      error: messageOf(error),
    });
  }
}
