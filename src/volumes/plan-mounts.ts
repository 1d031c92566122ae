import type { ContainerConfig, HostConfig } from "../api/containers.ts";
import { invalidArgument } from "../base/errors.ts";
import { newId, type RandomBytes } from "../base/ids.ts";
import { parseMode } from "./mode.ts";
import type { MountPoint } from "./mount-point.ts";
import { parseBind } from "./parse-bind.ts";
import { cleanPath, parseMount } from "./parse-mount.ts";

export interface PlanInput {
  config: ContainerConfig;
  hostConfig: HostConfig;
  /** The mounts of another container, by name or id (`--volumes-from`). Throws `notFound`. */
  mountsOf: (container: string) => readonly MountPoint[];
  /** Whether there is something at a path of the host. */
  exists: (path: string) => boolean;
  random?: RandomBytes;
}

/**
 * All mount points of a container that is created: those of other containers, binds, mounts, and a new volume for each
 * path that image or user declare as one; the later takes the place of the earlier. Names for new volumes are made
 * here, the volumes are not. `HostConfig.Tmpfs` is checked only. Throws `invalidArgument` with Docker's words.
 */
export function planMounts({ config, hostConfig, mountsOf, exists, random }: PlanInput): MountPoint[] {
  const newName = () => newId(random);
  const byDestination = new Map<string, MountPoint>();
  for (const mount of fromOthers(hostConfig, mountsOf)) byDestination.set(mount.destination, mount);
  for (const mount of explicit(hostConfig, newName, exists)) byDestination.set(mount.destination, mount);
  const driver = hostConfig.VolumeDriver ?? "";
  for (const path of Object.keys(config.Volumes ?? {})) {
    const mount = declared(path, driver, newName);
    if (!byDestination.has(mount.destination) && !isTmpfs(hostConfig, mount.destination)) {
      byDestination.set(mount.destination, mount);
    }
  }
  return [...byDestination.values()];
}

function fromOthers(hostConfig: HostConfig, mountsOf: PlanInput["mountsOf"]): MountPoint[] {
  return (hostConfig.VolumesFrom ?? []).flatMap((text) => {
    if (text === "") throw invalidArgument("volumes-from specification cannot be an empty string");
    const colon = text.indexOf(":");
    const container = colon < 0 ? text : text.slice(0, colon);
    const modeText = colon < 0 ? "" : text.slice(colon + 1);
    const mode = parseMode(modeText);
    // The content of the image has been copied already, if at all, and the propagation is the other's.
    if (!mode || mode.noCopy || mode.idMap || mode.propagation !== "")
      throw invalidArgument(`invalid mode: ${modeText}`);
    return mountsOf(container).map((mount) => ({
      ...mount,
      rw: mount.rw && !mode.readOnly,
      copyData: false,
    }));
  });
}

/** Binds and mounts, no two for one place. */
function explicit(hostConfig: HostConfig, newName: () => string, exists: PlanInput["exists"]): MountPoint[] {
  const taken = new Set<string>();
  for (const path of Object.keys(hostConfig.Tmpfs ?? {})) taken.add(checkTmpfs(path));
  const once = (mount: MountPoint, shown: string): MountPoint => {
    if (taken.has(mount.destination)) throw invalidArgument(`Duplicate mount point: ${shown}`);
    taken.add(mount.destination);
    return mount;
  };
  const volumeDriver = hostConfig.VolumeDriver ?? "";
  const binds = (hostConfig.Binds ?? []).map((text) => {
    const mount = parseBind(text, { volumeDriver, newName });
    return once(mount, mount.destination);
  });
  const mounts = (hostConfig.Mounts ?? []).map((spec) =>
    once(parseMount(spec, { requireSource: true, newName, exists }), spec.Target ?? ""),
  );
  return [...binds, ...mounts];
}

function checkTmpfs(path: string): string {
  if (!path.startsWith("/")) {
    throw invalidArgument(`invalid mount path: '${path}' mount path must be absolute`);
  }
  const clean = cleanPath(path);
  if (clean === "/") throw invalidArgument("invalid specification: destination can't be '/'");
  return clean;
}

function isTmpfs(hostConfig: HostConfig, destination: string): boolean {
  return Object.keys(hostConfig.Tmpfs ?? {}).some((path) => cleanPath(path) === destination);
}

/** A path of `VOLUME` or `Config.Volumes`; one that is not absolute is meant from the root. */
function declared(path: string, driver: string, newName: () => string): MountPoint {
  const Source = newName();
  const mount = parseMount(
    {
      Type: "volume",
      Source,
      Target: path.startsWith("/") ? path : `/${path}`,
      ...(driver !== "" && { VolumeOptions: { DriverConfig: { Name: driver } } }),
    },
    { requireSource: false, newName },
  );
  const { spec: _, ...point } = mount;
  return { ...point, anonymous: true };
}
