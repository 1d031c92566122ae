import { hostname as hostName } from "node:os";
import type {
  ContainerConfig,
  ContainerCreateResponse,
  EndpointSettings,
  HostConfig,
} from "../api/containers.ts";
import { rfc3339Nano } from "../base/clock.ts";
import { Cleanups } from "../base/disposables.ts";
import { invalidArgument, messageOf } from "../base/errors.ts";
import { newId, shortId } from "../base/ids.ts";
import { tracer } from "../base/trace.ts";
import type { Image } from "../images/image.ts";
import type { Digest } from "../oci/digest.ts";
import type { Platform } from "../oci/platform.ts";
import { mayHold } from "../volumes/copy-up.ts";
import type { MountPoint } from "../volumes/mount-point.ts";
import { checkRequest } from "./check.ts";
import { type Container, initialState } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { idleView } from "./file-view.ts";
import { withHostDefaults } from "./host-defaults.ts";
import { planLinks } from "./links.ts";
import { mergeConfig } from "./merge-config.ts";
import { randomName } from "./names.ts";
import { planEndpoints } from "./networking.ts";
import { checkedName } from "./rename.ts";
import { makeHome, removeHome } from "./rootfs.ts";

export interface CreateRequest {
  /** Empty: one is made up. */
  name: string;
  config: ContainerConfig;
  hostConfig: HostConfig;
  endpoints: Record<string, EndpointSettings>;
  platform?: Platform;
  /** Instead of an image: what the container starts from. It is the engine's own, and nobody sees it. */
  base?: ContainerBase;
}

/** Of an image, what a container is made of. */
export type ContainerBase = Pick<Image, "id" | "layers" | "config">;

/** `POST /containers/create`. Throws `notFound` for the image, `conflict` for the name, `invalidArgument`. */
export async function createContainer(
  deps: ContainerDeps,
  request: CreateRequest,
): Promise<ContainerCreateResponse> {
  deps.readiness.expectStart();
  const name = checkedName(request.name) || unusedName(deps);
  const image = request.base ?? (await imageOf(deps, request));
  const config = mergeConfig(request.config, image.config.config);
  const asked = withHostDefaults(deps.settings, request.hostConfig);
  const { value, warnings } = checkRequest(
    { config, hostConfig: asked },
    {
      specHost: deps.specHost,
      features: deps.cgroupFeatures,
      runtimes: [...deps.settings.runtimes.keys()],
      userRemap: deps.settings.userRemap,
    },
  );
  const hostConfig = withContainerIds(deps, value);
  checkOthers(deps, hostConfig);
  const endpoints = planEndpoints(deps, hostConfig, request.endpoints);
  const container = await make(deps, { ...request, config, hostConfig, endpoints }, name, image);
  deps.events("create", container, {});
  return { Id: container.id, Warnings: [...warnings, ...publishWarnings(deps, hostConfig)] };
}

/** A firewall of the host does not see what goes to containers: who opens a port to everybody is told. */
function publishWarnings(deps: ContainerDeps, { PortBindings, PublishAllPorts }: HostConfig): string[] {
  const bindings = Object.values(PortBindings ?? {}).flatMap((list) => list ?? []);
  const everywhere = bindings.some(({ HostIp = "" }) => ["", "0.0.0.0", "::"].includes(HostIp));
  const warning = everywhere || PublishAllPorts ? deps.network.publishWarning : undefined;
  return warning === undefined ? [] : [warning];
}

async function imageOf(deps: ContainerDeps, { config, platform }: CreateRequest): Promise<ContainerBase> {
  const image = deps.images.resolve(config.Image ?? "", platform);
  await deps.images.ensureUnpacked(image);
  return image;
}

/** Volumes, folders, row; or none of them. */
async function make(
  deps: ContainerDeps,
  request: CreateRequest,
  name: string,
  image: ContainerBase,
): Promise<Container> {
  const id = newId(deps.random);
  const { config, hostConfig } = request;
  await using undo = new Cleanups();
  const mounts = await deps.volumes.plan(id, {
    config,
    hostConfig,
    volumesFrom: (from) => named(deps, from),
  });
  undo.add(() => deps.volumes.forgetContainer(id, mounts, { removeAnonymous: true }));
  undo.add(() => removeHome(deps, id));
  tracer.span("rootfs.home", () => makeHome(deps, id), id);
  const links = planLinks(deps, hostConfig);
  await fillVolumes(deps, { id, layers: image.layers, mounts });
  const container: Container = {
    id,
    name,
    spec: {
      created: rfc3339Nano(deps.clock.nowNanos()),
      imageId: image.id,
      layers: image.layers,
      imageConfig: image.config,
      config: { ...config, Hostname: hostnameOf(config, hostConfig, id) },
      hostConfig: links.length > 0 ? { ...hostConfig, Links: undefined } : hostConfig,
      endpoints: request.endpoints,
      mounts,
      ...(links.length > 0 && { links }),
      ...(request.base && { internal: true }),
    },
    state: initialState,
  };
  tracer.span("store.insert", () => deps.set.insert(container), id);
  undo.keep();
  return container;
}

/** Others may look into the volumes before the container is started. */
async function fillVolumes(
  deps: ContainerDeps,
  { id, layers, mounts }: { id: string; layers: readonly Digest[]; mounts: readonly MountPoint[] },
): Promise<void> {
  const unfilled = deps.volumes.unfilled(id, mounts);
  const folders = layers.map((layer) => deps.layers.path(layer));
  if (!unfilled.some(({ destination }) => mayHold(folders, destination))) return;
  using view = idleView(deps, id, layers);
  await deps.volumes.fill(id, unfilled, { rootfs: view.root });
  await deps.volumes.release(id);
}

function unusedName(deps: ContainerDeps): string {
  for (let attempt = 0; ; attempt++) {
    const name = randomName(deps.random, attempt);
    if (!deps.set.hasName(name)) return name;
  }
}

/** A container without a name of its own in the network is called by its short id. */
function hostnameOf(config: ContainerConfig, hostConfig: HostConfig, id: string): string {
  if (config.Hostname) return config.Hostname;
  if (hostConfig.UTSMode === "host" || hostConfig.NetworkMode === "host") return hostName();
  return hostConfig.NetworkMode?.startsWith("container:") ? "" : shortId(id);
}

/**
 * Another container that this one needs. That it is missing is an error of the request: for "not found" a client would
 * pull the image and try again.
 */
function named(deps: ContainerDeps, reference: string): Container {
  try {
    return deps.set.find(reference);
  } catch (error) {
    throw invalidArgument(messageOf(error), error);
  }
}

/** Modes that name another container hold its id from now on: it may be renamed. */
function withContainerIds(deps: ContainerDeps, hostConfig: HostConfig): HostConfig {
  const resolved = (mode = "") =>
    mode.startsWith("container:") ? `container:${named(deps, mode.slice("container:".length)).id}` : mode;
  const { NetworkMode, IpcMode, PidMode } = hostConfig;
  return {
    ...hostConfig,
    // A network's other container is looked for at the start only.
    NetworkMode: deps.set.has(NetworkMode?.slice("container:".length) ?? "")
      ? resolved(NetworkMode)
      : NetworkMode,
    IpcMode: resolved(IpcMode),
    PidMode: resolved(PidMode),
  };
}

function checkOthers(deps: ContainerDeps, { PidMode = "", IpcMode = "", StorageOpt }: HostConfig): void {
  for (const mode of [PidMode, IpcMode]) {
    if (mode.startsWith("container:")) named(deps, mode.slice("container:".length));
  }
  if (Object.keys(StorageOpt ?? {}).length > 0) {
    throw invalidArgument("--storage-opt is supported only for overlay over xfs with 'pquota' mount option");
  }
}
