import type { Ulimit } from "../api/host-config.ts";
import type { DiskWorkers } from "../archive/disk-workers.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { BuilderDeps } from "../builder/deps.ts";
import type { Entitlements } from "../builder/entitlements.ts";
import type { ContainerDeps, DnsSettings } from "../containers/deps.ts";
import type { ProxySettings } from "../distribution/proxies.ts";
import type { RegistryTransport, TransferOptions } from "../distribution/transport.ts";
import type { BlobDropper } from "../images/blob-dropper.ts";
import type { BlobStore } from "../images/blobs.ts";
import type { ImageStore } from "../images/images.ts";
import type { LayerStore } from "../images/layers.ts";
import type { Cgroups } from "../linux/cgroup.ts";
import type { NetworkConfig } from "../network/types.ts";
import type { RuntimeSettings } from "../runtime/oci-runtime.ts";
import type { SecurityOptions } from "../security/security-opt.ts";
import type { VolumeStore } from "../volumes/volumes.ts";
import type { EventBus } from "./events.ts";

/** The daemon's configuration, as the engine needs it. */
export interface EngineSettings {
  dataRoot: string;
  execRoot: string;
  debug: boolean;
  /** What Docker keeps behind `--experimental` is on. */
  experimental: boolean;
  labels: readonly string[];
  /** Where images are got from. */
  transfer: TransferOptions & { proxies: ProxySettings };
  /** Compressed blobs stay when their layers are unpacked. */
  keepLayerBlobs: boolean;
  network: NetworkConfig;
  logDriver: string;
  logOptions: Readonly<Record<string, string>>;
  ulimits: readonly Ulimit[];
  cgroupParent: string;
  /** Undefined: as the host's cgroups suggest. */
  cgroupns: "host" | "private" | undefined;
  ipcMode: string;
  shmSize: number;
  runtimes: RuntimeSettings;
  /** Containers get an init where they do not say otherwise. */
  init: boolean;
  initPath: string | undefined;
  /** DNS of containers that say nothing of their own. */
  dns: DnsSettings;
  securityDefaults: Partial<SecurityOptions>;
  /** `--userns-remap` as it was written; empty where containers have the host's ids. */
  userRemap: string;
  cdiDirectories: readonly string[];
  /** What steps of builds may be allowed to have. */
  entitlements: Entitlements;
  /** The command that starts a supervisor. */
  supervisorCommand: readonly string[];
  /** The command that starts a resolver of container names. */
  resolverCommand: readonly string[];
}

/** Everything that the API's routes work with. */
export interface Engine extends AsyncDisposable {
  id: string;
  settings: EngineSettings;
  clock: Clock;
  log: Logger;
  events: EventBus;
  containers: ContainerDeps;
  volumes: VolumeStore;
  images: ImageStore;
  blobs: BlobStore;
  layers: LayerStore;
  dropper: BlobDropper;
  workers: DiskWorkers;
  /** For archives that clients read at their own pace, apart from the others. */
  packers: DiskWorkers;
  transport: RegistryTransport;
  builder: BuilderDeps;
  cgroup: Cgroups;
  securityOptions: readonly string[];
}
