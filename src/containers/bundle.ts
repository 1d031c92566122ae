import { chownSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ContainerConfig } from "../api/containers.ts";
import { internal } from "../base/errors.ts";
import { etcHostname, etcHosts, hostsOfHost } from "../network/files.ts";
import type { Connection } from "../network/types.ts";
import { encodeSpec } from "../oci/encode-spec.ts";
import { criuConfigPath } from "../runtime/supervisor/criu.ts";
import { type Container, isRunning } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { makeLinkedDestinations } from "./destinations.ts";
import { linkHosts, withLinks } from "./links.ts";
import { linkMtab } from "./mtab.ts";
import { addressesOf, resolvConf } from "./networking.ts";
import { type ContainerPaths, containerPaths } from "./paths.ts";
import { buildSpec } from "./spec/build.ts";
import type { NetworkFiles } from "./spec/mounts.ts";
import type { JoinedPids } from "./spec/namespaces.ts";
import { runtimeOf } from "./start.ts";
import type { ContainerUsers } from "./user-namespace.ts";

/** Writes what the runtime starts the container from: config.json, and the files of its network. */
export async function makeBundle(
  deps: ContainerDeps,
  container: Container,
  { connection, users }: { connection: Connection; users: ContainerUsers | undefined },
): Promise<void> {
  const { id, spec } = container;
  const paths = containerPaths(deps.roots, id);
  const networkFiles = connection.sharedWith
    ? filesOf(containerPaths(deps.roots, connection.sharedWith))
    : writeNetworkFiles(deps, container, connection, paths);
  const root = users?.remap.root;
  if (root && !connection.sharedWith) {
    for (const file of Object.values(networkFiles)) chownSync(file, root.uid, root.gid);
  }
  const mounts = await deps.volumes.prepare(id, spec.mounts, {
    rootfs: paths.rootfs,
    remapped: users?.remap,
    // The binds of a build's steps are the engine's own.
    remapBinds: spec.internal ?? false,
  });
  // A step of a build keeps what it finds, and those with users of their own could not be given it.
  if (!spec.internal && !users) linkMtab(paths.rootfs);
  makeLinkedDestinations(paths.rootfs, mounts, spec.hostConfig, root);
  const { settings } = deps;
  const runtimeSpec = buildSpec(
    {
      id,
      config: { ...withSecrets(deps, container), ...hostnameOfOwner(deps, connection) },
      hostConfig: spec.hostConfig,
      rootfs: paths.rootfs,
      mounts,
      networkFiles: spec.internal ? withoutHostname(networkFiles) : networkFiles,
      netnsPath: connection.netnsPath,
      users: users && { path: users.path, ...users.remap },
      cgroupParent: settings.cgroupParent,
      cgroupDriver: settings.cgroupDriver,
      cgroupnsDefault: settings.defaultCgroupns,
      joined: joinedPids(deps, container),
      shmPath: spec.hostConfig.IpcMode === "host" ? undefined : sharedMemory(deps, container),
      defaultUlimits: settings.ulimits,
      securityDefaults: settings.securityDefaults,
      initPath: settings.initPath,
      cdiDirectories: settings.cdiDirectories,
      crun: runtimeOf(deps, container).isCrun,
      criuConfig: criuConfigPath(paths.bundle),
    },
    deps.specHost,
  );
  writeFileSync(join(paths.bundle, "config.json"), encodeSpec(runtimeSpec), { mode: 0o600 });
}

/** The configuration with all variables that the process gets. */
function withSecrets(deps: ContainerDeps, container: Container): ContainerConfig {
  const config = withLinks(deps, container, { all: true });
  const { secretEnvironment: secrets } = container;
  return secrets === undefined ? config : { ...config, Env: [...(config.Env ?? []), ...secrets] };
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

function withoutHostname({ resolvConf, hosts }: NetworkFiles): NetworkFiles {
  return { resolvConf, hosts };
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
  writeFileSync(paths.hostname, etcHostname(config.Hostname ?? ""));
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
  writeFileSync(files.resolvConf, resolvConf(deps, container, connection));
  return files;
}

/** The processes whose namespaces are joined. Throws when one of their containers cannot be joined. */
function joinedPids(deps: ContainerDeps, container: Container): JoinedPids {
  const { IpcMode = "", PidMode = "" } = container.spec.hostConfig;
  const ipc = joined(deps, IpcMode, "failed to join IPC namespace");
  const pid = joined(deps, PidMode, "failed to join PID namespace");
  if (ipc && sharedMemory(deps, ipc) === undefined) {
    const hint = "non-shareable IPC (hint: use IpcMode:shareable for the donor container)";
    throw internal(`failed to join IPC namespace: container ${ipc.id}: ${hint}`);
  }
  return { ...(ipc && { ipc: ipc.state.pid }), ...(pid && { pid: pid.state.pid }) };
}

/** The /dev/shm that the container shares with others: its own, the host's, or that of whose IPC it joins. */
function sharedMemory(deps: ContainerDeps, { id, spec }: Container): string | undefined {
  const mode = spec.hostConfig.IpcMode ?? "";
  if (mode === "shareable") return containerPaths(deps.roots, id).shm;
  if (mode === "host") return "/dev/shm";
  if (!mode.startsWith("container:")) return undefined;
  const other = deps.set.get(mode.slice("container:".length));
  return other && sharedMemory(deps, other);
}

/** The container that a mode names. `what` begins the error when it is not there or does not run. */
function joined(deps: ContainerDeps, mode: string, what: string): Container | undefined {
  if (!mode.startsWith("container:")) return undefined;
  const reference = mode.slice("container:".length);
  const other = deps.set.get(reference) ?? (deps.set.has(reference) ? deps.set.find(reference) : undefined);
  if (!other) throw internal(`${what}: No such container: ${reference}`);
  if (!isRunning(other)) throw internal(`${what}: container ${other.id} is not running`);
  return other;
}
