import type { ContainerConfig, HostConfig, Ulimit } from "../../api/containers.ts";
import type { IdMaps } from "../../linux/user-namespace.ts";
import type { SecurityOptions } from "../../security/security-opt.ts";
import type { MountPoint } from "../../volumes/mount-point.ts";
import type { NetworkFiles } from "./mounts.ts";
import type { JoinedPids } from "./namespaces.ts";
import type { Owner } from "./shm.ts";

/** What `buildSpec` makes a specification of. */
export interface SpecInput {
  id: string;
  /** As merged with the image's at create. */
  config: ContainerConfig;
  hostConfig: HostConfig;
  /** Where the root file system is mounted now. */
  rootfs: string;
  /** Bind and volume mounts with their sources on the host. */
  mounts: readonly MountPoint[];
  networkFiles: NetworkFiles | undefined;
  /** The network namespace to join; null for the host's. */
  netnsPath: string | null;
  /** The user namespace to join, its ids, and whom its root is on the host; undefined for the host's own. */
  users?: (IdMaps & { path: string; root: Owner }) | undefined;
  /** Where the cgroup of the container is made, without its own name: `/docker`, or a slice for systemd. */
  cgroupParent: string;
  cgroupDriver: "cgroupfs" | "systemd";
  /** Where the container does not say. */
  cgroupnsDefault: "host" | "private";
  /** Of other running containers, for `--ipc container:` and `--pid container:`. */
  joined?: JoinedPids;
  shmPath?: string | undefined;
  /** The daemon's own, below those of the container. */
  defaultUlimits?: readonly Ulimit[];
  /** The daemon's own `--seccomp-profile` and `--no-new-privileges`. */
  securityDefaults?: Partial<SecurityOptions>;
  /** The host's init program, for containers that want one. */
  initPath?: string | undefined;
  /** Where the host's CDI specifications are. */
  cdiDirectories: readonly string[];
  /** The runtime is crun, which takes the seccomp filter compiled. */
  crun: boolean;
  /** The file in which CRIU finds options of ours. */
  criuConfig?: string;
}
