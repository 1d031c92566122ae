import { statSync } from "node:fs";
import type { HostConfig } from "../api/host-config.ts";
import { conflict, invalidArgument } from "../base/errors.ts";
import { type OpenNamespace, ownerOfNamespace } from "../linux/user-namespace.ts";
import type { Connection, ConnectRequest } from "../network/types.ts";
import type { UserRemap } from "../security/user-remap.ts";
import type { Container } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { containerOfMode } from "./spec/namespaces.ts";

/** The ids of a container that are not the host's, and the user namespace that it is started in. */
export interface ContainerUsers extends Disposable {
  remap: UserRemap;
  /** Can be joined as long as this is not disposed of. */
  path: string;
}

/** What the ids of a container are; undefined where they are the host's. */
export function remapOf(
  remap: UserRemap | undefined,
  { UsernsMode }: Pick<HostConfig, "UsernsMode">,
): UserRemap | undefined {
  return UsernsMode === "host" ? undefined : remap;
}

/** Refuses what needs the host's own ids. Throws `invalidArgument` with Docker's words. */
export function checkUserNamespace(remap: UserRemap | undefined, host: HostConfig): void {
  if (!remapOf(remap, host)) return;
  if (host.Privileged) {
    throw invalidArgument(
      "privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when running privileged mode",
    );
  }
  if (host.NetworkMode === "host") {
    throw invalidArgument("cannot share the host's network namespace when user namespaces are enabled");
  }
  if (host.PidMode === "host") {
    throw invalidArgument("cannot share the host PID namespace when user namespaces are enabled");
  }
}

/**
 * Whom the network namespace of a container must belong to, where that is not as with all others: the user namespace of
 * the container whose processes or IPC it shares, or the host's.
 */
export function networkOwner(deps: ContainerDeps, { spec }: Container): ConnectRequest["owner"] {
  const { hostConfig } = spec;
  if (!deps.settings.userRemap) return undefined;
  if (!remapOf(deps.settings.userRemap, hostConfig)) return "host";
  const shared = containerOfMode(hostConfig.PidMode) ?? containerOfMode(hostConfig.IpcMode);
  const other = shared === undefined ? undefined : deps.set.get(shared);
  if (!other || other.state.pid === 0) return undefined;
  const path = `/proc/${other.state.pid}/ns/user`;
  if (isHosts(path)) throw ofHost(other.id);
  return path;
}

/** The ids of a container that is about to start, and its user namespace: the one that its network belongs to. */
export function containerUsers(
  deps: ContainerDeps,
  { spec }: Container,
  { netnsPath, sharedWith }: Connection,
): ContainerUsers | undefined {
  const remap = remapOf(deps.settings.userRemap, spec.hostConfig);
  if (!remap) return undefined;
  // It was made when the daemon had other settings.
  checkUserNamespace(remap, spec.hostConfig);
  if (netnsPath === null) throw ofHost(sharedWith ?? "");
  const namespace: OpenNamespace = ownerOfNamespace(netnsPath);
  const path = `/proc/${process.pid}/fd/${namespace.fd}`;
  if (isHosts(path)) {
    namespace[Symbol.dispose]();
    throw ofHost(sharedWith ?? "");
  }
  return { remap, path, [Symbol.dispose]: () => namespace[Symbol.dispose]() };
}

const isHosts = (path: string) => statSync(path).ino === statSync("/proc/self/ns/user").ino;

const ofHost = (id: string) =>
  conflict(
    `cannot join the namespaces of container ${id}: it runs in the host's user namespace, join it with --userns=host`,
  );
