import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { conflict } from "../base/errors.ts";
import { etcHostname, etcHosts, etcResolvConf, hostsOfHost } from "../network/files.ts";
import type { Connection } from "../network/types.ts";
import { type Container, isRunning } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { makeLinkedDestinations } from "./destinations.ts";
import { linkHosts, withLinks } from "./links.ts";
import { addressesOf } from "./networking.ts";
import { type ContainerPaths, containerPaths } from "./paths.ts";
import { buildSpec } from "./spec/build.ts";
import { encodeSpec } from "./spec/encode.ts";
import type { NetworkFiles } from "./spec/mounts.ts";
import { runtimeOf } from "./start.ts";

/** Writes what the runtime starts the container from: config.json, and the files of its network. */
export async function makeBundle(
  deps: ContainerDeps,
  container: Container,
  connection: Connection,
): Promise<void> {
  const { id, spec } = container;
  const paths = containerPaths(deps.roots, id);
  const networkFiles = connection.sharedWith
    ? filesOf(containerPaths(deps.roots, connection.sharedWith))
    : writeNetworkFiles(deps, container, connection, paths);
  const mounts = await deps.volumes.prepare(id, spec.mounts, { rootfs: paths.rootfs });
  makeLinkedDestinations(paths.rootfs, mounts, spec.hostConfig);
  const { settings } = deps;
  const runtimeSpec = buildSpec(
    {
      id,
      config: { ...withLinks(deps, container, { all: true }), ...hostnameOfOwner(deps, connection) },
      hostConfig: spec.hostConfig,
      rootfs: paths.rootfs,
      mounts,
      networkFiles,
      netnsPath: connection.netnsPath,
      cgroupParent: settings.cgroupParent,
      cgroupDriver: "cgroupfs",
      cgroupnsDefault: settings.defaultCgroupns,
      joined: joinedPids(deps, container),
      shmPath: sharedMemory(deps, container),
      defaultUlimits: settings.ulimits,
      securityDefaults: settings.securityDefaults,
      initPath: settings.initPath,
      crun: runtimeOf(deps, container).isCrun,
    },
    deps.specHost,
  );
  writeFileSync(join(paths.bundle, "config.json"), encodeSpec(runtimeSpec), { mode: 0o600 });
}

/** Who joins another's network is called as the other is. */
function hostnameOfOwner(deps: ContainerDeps, { sharedWith }: Connection) {
  if (sharedWith === undefined) return {};
  const { Hostname = "", Domainname = "" } = deps.set.find(sharedWith).spec.config;
  return { Hostname, Domainname };
}

function filesOf({ resolvConf, hostname, hosts }: ContainerPaths): NetworkFiles {
  return { resolvConf, hostname, hosts };
}

function writeNetworkFiles(
  deps: ContainerDeps,
  container: Container,
  connection: Connection,
  paths: ContainerPaths,
): NetworkFiles {
  const { spec } = container;
  const { config, hostConfig } = spec;
  const host = hostConfig.NetworkMode === "host";
  const files = filesOf(paths);
  writeFileSync(files.hostname, etcHostname(config.Hostname ?? ""));
  writeFileSync(
    files.hosts,
    host
      ? hostsOfHost(readFileSync("/etc/hosts", "utf8"))
      : etcHosts({
          hostname: config.Hostname ?? "",
          domainname: config.Domainname ?? "",
          addresses: addressesOf(connection),
          extraHosts: hostConfig.ExtraHosts ?? [],
          links: linkHosts(deps, container),
          hostGateway: connection.hostAddress ?? deps.network.hostGateway,
        }),
  );
  writeFileSync(
    files.resolvConf,
    etcResolvConf({
      hostNetwork: host,
      resolver: connection.hasResolver ?? false,
      dns: hostConfig.Dns ?? [],
      search: hostConfig.DnsSearch ?? [],
      options: hostConfig.DnsOptions ?? [],
    }),
  );
  return files;
}

/** The processes whose namespaces are joined. Throws `conflict` when one of their containers does not run. */
function joinedPids(deps: ContainerDeps, container: Container): { ipc?: number; pid?: number } {
  const { IpcMode = "", PidMode = "" } = container.spec.hostConfig;
  const ipc = pidOf(deps, IpcMode, "IPC");
  const pid = pidOf(deps, PidMode, "PID");
  return { ...(ipc === undefined ? {} : { ipc }), ...(pid === undefined ? {} : { pid }) };
}

/** The /dev/shm that the container shares: its own, or that of the container whose IPC it joins. */
function sharedMemory(deps: ContainerDeps, { id, spec }: Container): string | undefined {
  const mode = spec.hostConfig.IpcMode ?? "";
  if (mode === "shareable") return containerPaths(deps.roots, id).shm;
  if (!mode.startsWith("container:")) return undefined;
  return containerPaths(deps.roots, deps.set.find(mode.slice("container:".length)).id).shm;
}

function pidOf(deps: ContainerDeps, mode: string, kind: string): number | undefined {
  if (!mode.startsWith("container:")) return undefined;
  const other = deps.set.find(mode.slice("container:".length));
  if (!isRunning(other)) throw conflict(`cannot join ${kind} of a non running container: ${other.id}`);
  return other.state.pid;
}
