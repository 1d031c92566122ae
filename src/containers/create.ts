import { hostname as hostName } from "node:os";
import type {
  ContainerConfig,
  ContainerCreateResponse,
  EndpointSettings,
  HostConfig,
} from "../api/containers.ts";
import { rfc3339Nano } from "../base/clock.ts";
import { Cleanups } from "../base/disposables.ts";
import { notFound } from "../base/errors.ts";
import { newId, shortId } from "../base/ids.ts";
import type { Image } from "../images/image.ts";
import type { Platform } from "../oci/platform.ts";
import { type Container, initialState } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { withHostDefaults } from "./host-defaults.ts";
import { mergeConfig } from "./merge-config.ts";
import { randomName } from "./names.ts";
import { checkedName } from "./rename.ts";
import { makeHome, removeHome } from "./rootfs.ts";
import { checkHostConfig } from "./spec/check.ts";
import { validateConfig } from "./validate.ts";

export interface CreateRequest {
  /** Empty: one is made up. */
  name: string;
  config: ContainerConfig;
  hostConfig: HostConfig;
  endpoints: Record<string, EndpointSettings>;
  platform?: Platform;
}

/** `POST /containers/create`. Throws `notFound` for the image, `conflict` for the name, `invalidArgument`. */
export async function createContainer(
  deps: ContainerDeps,
  request: CreateRequest,
): Promise<ContainerCreateResponse> {
  deps.readiness.expectStart();
  const name = checkedName(request.name) || unusedName(deps);
  const image = deps.images.resolve(request.config.Image ?? "", request.platform);
  await deps.images.ensureUnpacked(image);
  const config = mergeConfig(request.config, image.config.config);
  const asked = withHostDefaults(deps.settings, request.hostConfig);
  validateConfig(config, asked, [...deps.settings.runtimes.keys()]);
  const { value: hostConfig, warnings } = checkHostConfig(
    { config, hostConfig: asked },
    deps.specHost,
    deps.cgroupFeatures,
  );
  checkNetwork(deps, hostConfig.NetworkMode ?? "");
  const container = await make(deps, { ...request, config, hostConfig }, name, image);
  deps.events("create", container, {});
  return { Id: container.id, Warnings: warnings };
}

/** Volumes, folders, row; or none of them. */
async function make(
  deps: ContainerDeps,
  request: CreateRequest,
  name: string,
  image: Image,
): Promise<Container> {
  const id = newId(deps.random);
  const { config, hostConfig } = request;
  await using undo = new Cleanups();
  const mounts = await deps.volumes.plan(id, {
    config,
    hostConfig,
    volumesFrom: (from) => deps.set.find(from),
  });
  undo.add(() => deps.volumes.forgetContainer(id, mounts, { removeAnonymous: true }));
  undo.add(() => removeHome(deps, id));
  makeHome(deps, id);
  const container: Container = {
    id,
    name,
    spec: {
      created: rfc3339Nano(deps.clock.nowNanos()),
      imageId: image.id,
      layers: image.layers,
      imageConfig: image.config,
      config: { ...config, Hostname: hostnameOf(config, hostConfig, id) },
      hostConfig,
      endpoints: request.endpoints,
      mounts,
    },
    state: initialState,
  };
  deps.set.insert(container);
  undo.keep();
  return container;
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

function checkNetwork(deps: ContainerDeps, mode: string): void {
  if (mode.startsWith("container:")) {
    deps.set.find(mode.slice("container:".length));
    return;
  }
  const known = deps.network.list().some((network) => network.Name === mode || network.Id === mode);
  if (!known) throw notFound(`network ${mode} not found`);
}
