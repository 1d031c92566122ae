import type { Ulimit } from "../api/host-config.ts";
import type { KeyedQueue } from "../base/async.ts";
import type { Clock } from "../base/clock.ts";
import type { RandomBytes } from "../base/ids.ts";
import type { Logger } from "../base/log.ts";
import type { ImageStore } from "../images/images.ts";
import type { LayerStore } from "../images/layers.ts";
import type { CgroupReadiness } from "../linux/cgroup-readiness.ts";
import type { NetworkManager } from "../network/manager.ts";
import type { SupervisorClient } from "../runtime/supervisor/client.ts";
import type { RuntimeBinary } from "../runtime/supervisor/protocol.ts";
import type { SecurityOptions } from "../security/security-opt.ts";
import type { UserRemap } from "../security/user-remap.ts";
import type { ResourceTable } from "../store/resources.ts";
import type { ContainerVolumes } from "../volumes/container-volumes.ts";
import type { HostPaths } from "../volumes/host-paths.ts";
import type { Container } from "./container.ts";
import type { ContainerSet } from "./container-set.ts";
import type { Execs } from "./execs.ts";
import type { HealthMonitors } from "./health-monitors.ts";
import type { Roots } from "./paths.ts";
import type { Removals } from "./removals.ts";
import type { Restarts } from "./restart-policy.ts";
import type { CgroupFeatures } from "./spec/cgroup-features.ts";
import type { SpecHost } from "./spec/spec-host.ts";
import type { Waiters } from "./waiters.ts";

/** What containers that say nothing of their own get in resolv.conf; the host's where it is empty. */
export interface DnsSettings {
  servers: readonly string[];
  search: readonly string[];
  options: readonly string[];
}

/** What of the daemon's configuration concerns containers. */
export interface ContainerSettings {
  defaultRuntime: string;
  /** By the names that `--runtime` may take. */
  runtimes: ReadonlyMap<string, RuntimeBinary>;
  logDriver: string;
  logOptions: Readonly<Record<string, string>>;
  ulimits: readonly Ulimit[];
  /** The cgroup below which those of the containers are made, where a container names none. */
  cgroupParent: string;
  cgroupDriver: "cgroupfs" | "systemd";
  /** cgroup v2 alone gives every container a cgroup namespace of its own by default. */
  defaultCgroupns: "host" | "private";
  /** `private` or `shareable`. */
  defaultIpc: string;
  shmSize: number;
  /** The host's init program (`docker-init`, `tini`), where it has one. */
  initPath: string | undefined;
  dns: DnsSettings;
  /** Containers get that init where they do not say otherwise. */
  init: boolean;
  securityDefaults: Partial<SecurityOptions>;
  /** The ids that containers have on the host (`--userns-remap`); undefined: the same as inside. */
  userRemap?: UserRemap | undefined;
  /** Where the host's CDI specifications are. */
  cdiDirectories: readonly string[];
}

/** Tells the world what happened to a container; its name, image and labels are added. */
export type ContainerEvents = (
  action: string,
  container: Container,
  attributes: Record<string, string>,
) => void;

/** What the functions of this folder work with. */
export interface ContainerDeps {
  roots: Roots;
  settings: ContainerSettings;
  specHost: SpecHost;
  cgroupFeatures: CgroupFeatures;
  readiness: CgroupReadiness;
  set: ContainerSet;
  execs: Execs;
  resources: ResourceTable;
  images: Pick<ImageStore, "resolve" | "ensureUnpacked">;
  layers: Pick<LayerStore, "has" | "path" | "size">;
  network: NetworkManager;
  volumes: ContainerVolumes;
  hostPaths: HostPaths;
  supervisor: SupervisorClient;
  /** One change of a container at a time. */
  turns: KeyedQueue;
  waiters: Waiters;
  restarts: Restarts;
  removals: Removals;
  health: HealthMonitors;
  events: ContainerEvents;
  /** Tells the world that what did not run was removed. Bytes. */
  pruned: (reclaimed: number) => void;
  clock: Clock;
  random: RandomBytes;
  log: Logger;
}
