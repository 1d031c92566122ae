import type { Ulimit } from "../api/host-config.ts";
import type { Credentials } from "../distribution/credentials.ts";
import type { Platform } from "../oci/platform.ts";
import type { Reference } from "../oci/reference.ts";
import type { Entitlements } from "./entitlements.ts";
import type { NamedContexts } from "./named-contexts.ts";
import type { Material } from "./record.ts";
import type { ImportedCache } from "./remote-cache/imported-cache.ts";

/** Files that `COPY` reads from. */
export interface BuildContext {
  /** Where they are on the disk, once they are there. */
  directory(): Promise<string>;
  /** The path of a list of them that has the digests of their content, as far as those are known: see `CopyFrom.contents`. */
  contents?(): Promise<string | undefined>;
  /**
   * Stands for what these paths name, without a look at the content: the same stamp, the same files. Undefined where
   * nothing but the content tells.
   */
  stamp?(paths: readonly string[]): Promise<string | undefined>;
  /** More is needed than the Dockerfile itself says: a base image's triggers take what they like. */
  all?(): void;
  /** What it was made from, where that is at an address. */
  material?: Material | undefined;
}

/** Where `RUN --mount=type=secret` finds its secrets. */
export type Secrets = (id: string) => Promise<Uint8Array | undefined>;

/** Who may use the socket of an agent. */
export interface SocketAccess {
  mode: number;
  uid: number;
  gid: number;
}

/** Where `RUN --mount=type=ssh` finds its agents: the path of a socket. */
export type Agents = (id: string, access: SocketAccess) => Promise<string | undefined>;

/** What a build is asked for. */
export interface BuildOptions {
  dockerfile: string;
  /** How messages call it. */
  dockerfileName: string;
  context: BuildContext;
  /** True for a path that `.dockerignore` leaves out, where that is known: a build check tells of it. */
  isIgnored?: (path: string) => boolean;
  /** `--build-context`. */
  namedContexts: NamedContexts;
  /** `--build-arg`. */
  args: ReadonlyMap<string, string>;
  labels: Readonly<Record<string, string>>;
  /** Name or number of the stage; "" for the last one. */
  target: string;
  platform: Platform;
  noCache: boolean;
  /** Stages whose steps are not taken from the cache. */
  noCacheFilter: readonly string[];
  /** `--cache-from`: what other builders know. */
  imported?: ImportedCache | undefined;
  /** The image is to say what it knows of its own steps (`BUILDKIT_INLINE_CACHE`, `--cache-to type=inline`). */
  inlineCache: boolean;
  /** Ask the registry for newer base images. */
  pull: boolean;
  /** For `RUN` where it does not say otherwise: `""`, `none`, `host`, or a network. */
  network: string;
  /** What steps may have beyond the confines of their containers. */
  entitlements: Entitlements;
  resources: BuildResources;
  secrets: Secrets;
  agent: Agents;
  /** By the registry's name. */
  credentials: (registry: string) => Credentials | Promise<Credentials>;
  tags: readonly Reference[];
  /** SOURCE_DATE_EPOCH in seconds: the time that everything in the image gets. */
  epoch: number | undefined;
  signal: AbortSignal;
}

/** Limits for the containers of `RUN`. */
export interface BuildResources {
  memory: number;
  memorySwap: number;
  cpuShares: number;
  cpuPeriod: number;
  cpuQuota: number;
  cpusetCpus: string;
  cpusetMems: string;
  cgroupParent: string;
  shmSize: number;
  ulimits: readonly Ulimit[];
  extraHosts: readonly string[];
}
