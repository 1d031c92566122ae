import type { DiskWorkers } from "../archive/disk-workers.ts";
import type { ContainerDeps } from "../containers/deps.ts";
import type { RegistryTransport } from "../distribution/transport.ts";
import type { BlobStore } from "../images/blobs.ts";
import type { ImageStore } from "../images/images.ts";
import type { LayerStore } from "../images/layers.ts";
import type { BuildCache } from "./cache.ts";
import type { CacheMounts } from "./cache-mounts.ts";
import type { ContextStore } from "./session/context-store.ts";

/** What the functions of this folder work with. */
export interface BuilderDeps {
  containers: ContainerDeps;
  images: ImageStore;
  blobs: BlobStore;
  layers: LayerStore;
  workers: DiskWorkers;
  transport: RegistryTransport;
  cache: BuildCache;
  cacheMounts: CacheMounts;
  contexts: ContextStore;
}
