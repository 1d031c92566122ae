import type { HostConfig } from "../../api/host-config.ts";
import { invalidArgument } from "../../base/errors.ts";
import type { NamespaceSpec, NamespaceType } from "../../oci/runtime-spec.ts";

/** The running containers whose namespaces this one joins, by the pids of their first processes. */
export interface JoinedPids {
  ipc?: number | undefined;
  pid?: number | undefined;
}

const containerPrefix = "container:";

/** Refuses modes that do not exist, with Docker's words. Throws `invalidArgument`. */
export function validateNamespaceModes(host: HostConfig): void {
  const { IpcMode: ipc = "", PidMode: pid = "", UTSMode: uts = "", UsernsMode: userns = "" } = host;
  if (!["", "private", "shareable", "none", "host"].includes(ipc) && !isContainerMode(ipc)) {
    throw invalidArgument(`Invalid IPC mode: ${ipc}`);
  }
  if (!["", "host"].includes(pid) && !isContainerMode(pid)) throw invalidArgument("--pid: invalid PID mode");
  if (!["", "host"].includes(uts)) throw invalidArgument("--uts: invalid UTS mode");
  if (!["", "host"].includes(userns)) throw invalidArgument("--userns: invalid USER mode");
  if (!["", "host", "private"].includes(host.CgroupnsMode ?? "")) {
    throw invalidArgument("invalid cgroup namespace mode");
  }
}

function isContainerMode(mode: string): boolean {
  return mode.startsWith(containerPrefix) && mode.length > containerPrefix.length;
}

/** The container that an IPC or PID mode names (`container:<name or id>`), or undefined. */
export function containerOfMode(mode: string | undefined): string | undefined {
  return mode && isContainerMode(mode) ? mode.slice(containerPrefix.length) : undefined;
}

export interface NamespaceInput {
  host: HostConfig;
  /** Of the network's namespace; null is the host's own. */
  netnsPath: string | null;
  /** Of the user namespace; undefined is the host's own. */
  userPath?: string | undefined;
  joined: JoinedPids;
  cgroupns: "host" | "private";
}

/** Each namespace that is not the host's: a new one, or that of `netnsPath` or another container. */
export function namespaces({ host, netnsPath, userPath, joined, cgroupns }: NamespaceInput): NamespaceSpec[] {
  const list: NamespaceSpec[] = [{ type: "mount" }];
  if (userPath !== undefined) list.push({ type: "user", path: userPath });
  if (netnsPath !== null) list.push({ type: "network", path: netnsPath });
  if (host.UTSMode !== "host") list.push({ type: "uts" });
  if (host.PidMode !== "host") list.push(ownOrJoined("pid", host.PidMode, joined.pid));
  if (host.IpcMode !== "host") list.push(ownOrJoined("ipc", host.IpcMode, joined.ipc));
  if (cgroupns === "private") list.push({ type: "cgroup" });
  return list;
}

function ownOrJoined(type: NamespaceType, mode: string | undefined, pid: number | undefined): NamespaceSpec {
  const other = containerOfMode(mode);
  if (other === undefined) return { type };
  if (!pid) throw invalidArgument(`cannot join ${type} of a non running container: ${other}`);
  return { type, path: `/proc/${pid}/ns/${type}` };
}
