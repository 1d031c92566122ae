import type { ContainerConfig, EndpointSettings, HostConfig } from "../api/containers.ts";
import { zeroTime } from "../base/clock.ts";
import type { Digest } from "../oci/digest.ts";
import type { ImageConfig } from "../oci/image-config.ts";
import type { ContainerRow } from "../store/containers.ts";
import type { MountPoint } from "../volumes/mount-point.ts";
import type { Health } from "./health.ts";

export type ContainerStatus =
  | "created"
  | "running"
  | "paused"
  | "restarting"
  | "removing"
  | "exited"
  | "dead";

/** One container's name for another one. */
export interface ContainerLink {
  /** Of the other. */
  id: string;
  alias: string;
}

/** What was asked for: written at create, changed by rename and update only. */
export interface ContainerSpec {
  /** RFC 3339 with nanoseconds. */
  created: string;
  /** The digest that the image's name pointed to. */
  imageId: Digest;
  /** Of the image's layers, bottom first: the container needs them even when the image has lost its name. */
  layers: Digest[];
  /** The image's own configuration at the time of create. */
  imageConfig: ImageConfig;
  /** What was asked, the image's defaults filled in. */
  config: ContainerConfig;
  hostConfig: HostConfig;
  /** By network name, as asked for at create. */
  endpoints: Record<string, EndpointSettings>;
  mounts: MountPoint[];
  /** `--link` on the default bridge; absent where there are none. */
  links?: ContainerLink[];
  /** True for one that the engine made for work of its own, a step of a build: nobody else sees it. */
  internal?: boolean;
}

/** What became of it: written at each change, before anyone is told. */
export interface ContainerState {
  status: ContainerStatus;
  pid: number;
  exitCode: number;
  /** Why the last start failed; empty when it did not. */
  error: string;
  oomKilled: boolean;
  startedAt: string;
  finishedAt: string;
  restartCount: number;
  /** Somebody asked for the stop: the restart policy must not undo it. */
  stoppedByUser: boolean;
  /** It is being ended to be started again, whatever its restart policy says. */
  restartDemanded?: boolean;
  /** Absent until it has run with a health check. */
  health?: Health;
}

/**
 * A container in memory: its row, decoded. Only the functions of this folder that hold its turn in the queue change
 * it; readers see the last committed state.
 */
export interface Container {
  readonly id: string;
  /** Without the slash that the API puts before it. */
  name: string;
  spec: ContainerSpec;
  state: ContainerState;
  /** Variables for its process that are written nowhere: they hold secrets. */
  secretEnvironment?: readonly string[];
}

export const initialState: ContainerState = {
  status: "created",
  pid: 0,
  exitCode: 0,
  error: "",
  oomKilled: false,
  startedAt: zeroTime,
  finishedAt: zeroTime,
  restartCount: 0,
  stoppedByUser: false,
};

export function isRunning(container: Container): boolean {
  return ["running", "paused", "restarting"].includes(container.state.status);
}

/** It has a process now: one that waits for its restart runs, as Docker says it, but has none. */
export function hasProcess(container: Container): boolean {
  return container.state.pid > 0;
}

export function toRow(container: Container): ContainerRow {
  const { id, name, spec, state } = container;
  return { id, name, spec: JSON.stringify(spec), state: JSON.stringify(state) };
}

export function fromRow(row: ContainerRow): Container {
  return { id: row.id, name: row.name, spec: JSON.parse(row.spec), state: JSON.parse(row.state) };
}

/** Path and arguments of the first process: entry point, then command. */
export function processArguments(config: ContainerConfig): string[] {
  return [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
}
