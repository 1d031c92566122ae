import { existsSync, realpathSync, statSync } from "node:fs";
import type { HostConfig } from "../../api/host-config.ts";
import { errnoOf, invalidArgument } from "../../base/errors.ts";
import { type MountInfo, readMounts } from "../../linux/mountinfo.ts";
import { mountRestrictions } from "../../linux/statvfs.ts";
import type { MountSpec } from "../../oci/runtime-spec.ts";
import type { MountPoint } from "../../volumes/mount-point.ts";
import { cleanPath } from "../../volumes/parse-mount.ts";
import { defaultTmpfsOptions, mergeTmpfsOptions } from "../../volumes/tmpfs-options.ts";

/** The files of the container's network, on the host: they are mounted over those of the image. */
export interface NetworkFiles {
  resolvConf: string;
  /** Undefined where the image's own counts: for steps of builds. */
  hostname?: string;
  hosts: string;
}

export interface MountsInput {
  host: HostConfig;
  mounts: readonly MountPoint[];
  networkFiles: NetworkFiles | undefined;
  /** Where the tmpfs is that is shared as /dev/shm with others (`--ipc shareable` and `container:`). */
  shmPath: string | undefined;
  /** The host's init program, when the container wants one. */
  initPath: string | undefined;
  /** The kernel can make a mount read-only with all that is mounted below it (Linux 5.12). */
  recursiveReadOnly: boolean;
  writableCgroups: boolean;
  /** The container's root is not the host's: it cannot mount what belongs to the host's IPC. */
  remapped: boolean;
  /** The runtime leaves the tmpfs writable on which it mounts the hierarchies of cgroup v1: crun does. */
  closeCgroupTmpfs: boolean;
}

export interface ContainerMounts {
  mounts: MountSpec[];
  /** Needed by the most sharing of the mounts. */
  rootfsPropagation: string | undefined;
}

const queuesPath = "/dev/mqueue";

export const initDestination = "/sbin/docker-init";

/** Where there is no such file, the runtime says so. */
const withoutLinks = (path: string) => (existsSync(path) ? realpathSync(path) : path);

const file = (destination: string, type: string, source: string, options: string[]): MountSpec => ({
  destination,
  type,
  source,
  options,
});

function systemMounts(writableSys: boolean, writableCgroups: boolean, closeTmpfs: boolean): MountSpec[] {
  const common = ["nosuid", "noexec", "nodev"];
  const remount = file("/sys/fs/cgroup", "tmpfs", "tmpfs", ["remount", "ro", ...common]);
  return [
    file("/proc", "proc", "proc", common),
    file("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    file("/dev/pts", "devpts", "devpts", [
      "nosuid",
      "noexec",
      "newinstance",
      "ptmxmode=0666",
      "mode=0620",
      "gid=5",
    ]),
    file("/sys", "sysfs", "sysfs", writableSys ? common : [...common, "ro"]),
    file("/sys/fs/cgroup", "cgroup", "cgroup", writableCgroups ? common : ["ro", ...common]),
    ...(closeTmpfs && !writableCgroups ? [remount] : []),
    file(queuesPath, "mqueue", "mqueue", common),
  ];
}

const defaultShmSize = 64 * 1024 * 1024;

/** /dev/shm: its own, shared through the host, the host's, or none. */
function shmMount({ host, shmPath }: MountsInput): MountSpec[] {
  const mode = host.IpcMode ?? "";
  if (mode === "none") return [];
  const shared = mode === "host" ? "/dev/shm" : shmPath;
  if (shared !== undefined) return [bindOf(shared, "/dev/shm", ["rbind", "rprivate"])];
  const size = host.ShmSize || defaultShmSize;
  return [file("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", `size=${size}`])];
}

/**
 * All mounts of a container in the order in which they are made: the system's, then those of the user and the
 * network's files, the outer before the inner. A mount of the user takes the place of the system's at the same path.
 * Throws `invalidArgument` when a source cannot be shared as asked.
 */
export function containerMounts(input: MountsInput): ContainerMounts {
  const { host, mounts } = input;
  const privileged = host.Privileged ?? false;
  const hostQueues = input.remapped && host.IpcMode === "host";
  const user = [
    ...mounts.map((mount) => userMount(mount, input.recursiveReadOnly)),
    ...Object.entries(host.Tmpfs ?? {}).map(([path, options]) =>
      tmpfsMount(cleanPath(path), options.split(",")),
    ),
  ];
  const taken = new Set(user.map((mount) => mount.destination));
  const free = (mount: MountSpec) => !isTaken(mount.destination, taken);
  const readOnly = host.ReadonlyRootfs ?? false;
  const system = systemMounts(
    privileged && !readOnly,
    privileged || input.writableCgroups,
    input.closeCgroupTmpfs,
  );
  const queues = hostQueues && isDirectory(queuesPath) ? [bindOf(queuesPath, queuesPath, ["rbind"])] : [];
  const own = hostQueues ? system.filter(({ type }) => type !== "mqueue") : system;
  const placed = [...user, ...networkMounts(input.networkFiles, readOnly).filter(free)];
  // CRIU, which mounts it again when a container is restored, follows no link.
  const init = input.initPath
    ? [file(initDestination, "bind", withoutLinks(input.initPath), ["bind", "ro"])]
    : [];
  return {
    mounts: [
      ...[...own, ...queues].filter(free),
      ...shmMount(input).filter(free),
      ...init,
      ...placed.sort(byDepth),
    ],
    rootfsPropagation: rootfsPropagation(mounts),
  };
}

function isTaken(destination: string, taken: ReadonlySet<string>): boolean {
  return taken.has(destination) || (taken.has("/dev") && destination.startsWith("/dev/"));
}

const depth = (path: string) => path.split("/").length;
const byDepth = (a: MountSpec, b: MountSpec) => depth(a.destination) - depth(b.destination);

function networkMounts(files: NetworkFiles | undefined, readOnly: boolean): MountSpec[] {
  if (!files) return [];
  const options = readOnly ? ["rbind", "ro", "rprivate"] : ["rbind", "rprivate"];
  return [
    bindOf(files.resolvConf, "/etc/resolv.conf", options),
    ...(files.hostname === undefined ? [] : [bindOf(files.hostname, "/etc/hostname", options)]),
    bindOf(files.hosts, "/etc/hosts", options),
  ];
}

function userMount(mount: MountPoint, recursiveReadOnly: boolean): MountSpec {
  if (mount.type === "tmpfs") return tmpfsMount(mount.destination, mount.tmpfsOptions ?? []);
  const bind = mount.spec?.BindOptions;
  const recursive = !bind?.NonRecursive;
  const options = [recursive ? "rbind" : "bind"];
  if (!mount.rw) options.push(readOnlyOption(mount, recursive && recursiveReadOnly));
  // crun takes the "r" of a propagation for one of the bind.
  if (mount.propagation !== "")
    options.push(recursive ? mount.propagation : mount.propagation.replace(/^r/, ""));
  return bindOf(mount.source, mount.destination, options);
}

/** crun gives a bind just the flags that it is told: those of the source's mount (`noexec`, `ro`) would be lost. */
function bindOf(source: string, destination: string, options: readonly string[]): MountSpec {
  const inherited = restrictionsOf(source).filter((word) => word !== "ro" || !options.includes("rro"));
  return file(destination, "bind", source, [...new Set([...options, ...inherited])]);
}

function restrictionsOf(source: string): string[] {
  try {
    return mountRestrictions(source);
  } catch (error) {
    // The runtime says better what is wrong with a source that is not there.
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return [];
    throw error;
  }
}

function tmpfsMount(destination: string, options: readonly string[]): MountSpec {
  const given = options.filter((option) => option !== "");
  return file(destination, "tmpfs", "tmpfs", mergeTmpfsOptions([...defaultTmpfsOptions, ...given]));
}

/** `rro` covers what is mounted below the source as well: nothing, where it is a file, and there crun (1.8) refuses it. */
function readOnlyOption(mount: MountPoint, possible: boolean): "ro" | "rro" {
  const bind = mount.spec?.BindOptions;
  if (bind?.ReadOnlyForceRecursive && !possible) {
    throw invalidArgument(`mount ${mount.destination}: recursively read-only is not supported here`);
  }
  return possible && !bind?.ReadOnlyNonRecursive && isDirectory(mount.source) ? "rro" : "ro";
}

const isDirectory = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** The mount of this process that `path` is on. */
function mountOf(path: string, mounts: readonly MountInfo[]): MountInfo | undefined {
  const holds = ({ target }: MountInfo) => target === "/" || path === target || path.startsWith(`${target}/`);
  return mounts.filter(holds).reduce<MountInfo | undefined>((best, mount) => {
    return best && best.target.length > mount.target.length ? best : mount;
  }, undefined);
}

/** Mounts that are to be seen outside, or that see what is mounted outside, need a source that is shared itself. */
function rootfsPropagation(mounts: readonly MountPoint[]): string | undefined {
  const shared = mounts.filter(({ propagation }) => propagation.endsWith("shared"));
  const slaves = mounts.filter(({ propagation }) => propagation.endsWith("slave"));
  if (shared.length + slaves.length === 0) return undefined;
  const existing = readMounts();
  for (const { source } of shared) requirePropagation(source, existing, ["shared"]);
  for (const { source } of slaves) requirePropagation(source, existing, ["shared", "master"]);
  return shared.length > 0 ? "shared" : "rslave";
}

function requirePropagation(path: string, mounts: readonly MountInfo[], kinds: readonly string[]): void {
  const mount = mountOf(path, mounts);
  if (mount?.propagation.some((field) => kinds.includes(field.split(":")[0] ?? ""))) return;
  const wanted = kinds.length > 1 ? "shared or slave" : "shared";
  throw invalidArgument(`path ${path} is mounted on ${mount?.target ?? "/"} but it is not a ${wanted} mount`);
}
