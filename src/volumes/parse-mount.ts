import { isAbsolute, normalize } from "node:path/posix";
import type { Mount } from "../api/mount.ts";
import { invalidArgument } from "../base/errors.ts";
import { type IdMap, isIdMapWord, parseIdMap } from "./id-map.ts";
import { isPropagationMode } from "./mode.ts";
import type { MountPoint } from "./mount-point.ts";

export interface ParseMountOptions {
  /** A bind's source that is not there is an error (`--mount`), or will be made (`-v`). */
  requireSource: boolean;
  /** The name of a volume that has none. */
  newName: () => string;
  /** Whether there is something at a path of the host; needed with `requireSource`. */
  exists?: (path: string) => boolean;
}

/** Without a slash at the end, `.` and `..` resolved; the root cannot be left. */
export function cleanPath(path: string): string {
  const normal = normalize(path);
  return normal.length > 1 && normal.endsWith("/") ? normal.slice(0, -1) : normal;
}

const mustNot = (field: string) => `field ${field} must not be specified`;
const mustBe = (field: string) => `field ${field} must not be empty`;

/** What is wrong with `mount`, in Docker's words, or undefined. */
function problemOf(mount: Mount, options: ParseMountOptions): string | undefined {
  const type = mount.Type ?? "";
  if (!["bind", "volume", "tmpfs", "image"].includes(type)) return "mount type unknown";
  const target = mount.Target ?? "";
  if (target === "") return mustBe("Target");
  if (cleanPath(target) === "/") return "invalid specification: destination can't be '/'";
  if (!isAbsolute(target)) return notAbsolute(target);
  return foreignOptions(mount, type) ?? problemOfType(mount, type, options);
}

const notAbsolute = (path: string) => `invalid mount path: '${path}' mount path must be absolute`;

/** Options of another type than the mount's. */
function foreignOptions(mount: Mount, type: string): string | undefined {
  const owners = {
    BindOptions: "bind",
    VolumeOptions: "volume",
    TmpfsOptions: "tmpfs",
    ImageOptions: "image",
  } as const;
  for (const [field, owner] of Object.entries(owners)) {
    if (owner !== type && mount[field as keyof typeof owners]) return mustNot(field);
  }
  return mount.IDMap && type !== "bind" && type !== "volume" ? mustNot("IDMap") : undefined;
}

function problemOfType(mount: Mount, type: string, options: ParseMountOptions): string | undefined {
  const source = mount.Source ?? "";
  if (type === "bind") return problemOfBind(mount, source, options);
  if (type === "tmpfs") return source === "" ? problemOfTmpfs(mount) : mustNot("Source");
  if (type === "image")
    return source === "" ? mustBe("Source") : problemOfSubpath(mount.ImageOptions?.Subpath);
  if (source === "" && mount.ReadOnly) return "must not set ReadOnly mode when using anonymous volumes";
  const subpath = mount.VolumeOptions?.Subpath;
  if (source === "" && subpath) return "must not set Subpath when using anonymous volumes";
  return problemOfSubpath(subpath);
}

function problemOfBind(mount: Mount, source: string, options: ParseMountOptions): string | undefined {
  if (source === "") return mustBe("Source");
  const { Propagation: propagation, CreateMountpoint: create } = mount.BindOptions ?? {};
  if (propagation && !isPropagationMode(propagation)) return `invalid propagation mode: ${propagation}`;
  if (!isAbsolute(source)) return notAbsolute(source);
  if (options.requireSource && !create && !options.exists?.(source)) {
    return `bind source path does not exist: ${source}`;
  }
  return undefined;
}

function problemOfTmpfs(mount: Mount): string | undefined {
  const { SizeBytes: size = 0, Mode: mode = 0 } = mount.TmpfsOptions ?? {};
  if (size < 0) return `invalid tmpfs size: ${size}`;
  return mode < 0 || mode > 0o7777 ? `invalid tmpfs mode: ${mode}` : undefined;
}

function problemOfSubpath(path: string | undefined): string | undefined {
  if (!path) return undefined;
  const inside = !isAbsolute(path) && !normalize(path).startsWith("..");
  return inside ? undefined : "subpath must be a relative path within the volume";
}

/** One entry of `HostConfig.Mounts`. Throws `invalidArgument` with Docker's words. */
export function parseMount(mount: Mount, options: ParseMountOptions): MountPoint {
  const problem = problemOf(mount, options);
  if (problem) {
    throw invalidArgument(`invalid mount config for type ${JSON.stringify(mount.Type ?? "")}: ${problem}`);
  }
  const common = {
    destination: cleanPath(mount.Target ?? ""),
    source: "",
    name: "",
    driver: "",
    mode: "",
    rw: !mount.ReadOnly,
    propagation: "",
    copyData: false,
    anonymous: false,
    createSource: false,
    spec: mount,
  } as const;
  const idMap = idMapOf(mount);
  if (mount.Type === "bind") {
    return {
      ...common,
      type: "bind",
      source: cleanPath(mount.Source ?? ""),
      propagation: mount.BindOptions?.Propagation ?? "rprivate",
      createSource: !options.requireSource || (mount.BindOptions?.CreateMountpoint ?? false),
      ...(idMap && { idMap }),
    };
  }
  if (mount.Type === "tmpfs") return { ...common, type: "tmpfs", tmpfsOptions: tmpfsOptions(mount) };
  if (mount.Type === "image") {
    const subpath = mount.ImageOptions?.Subpath;
    return { ...common, type: "image", name: mount.Source ?? "", rw: false, ...(subpath && { subpath }) };
  }
  const subpath = mount.VolumeOptions?.Subpath;
  return {
    ...common,
    type: "volume",
    name: mount.Source || options.newName(),
    anonymous: !mount.Source,
    driver: mount.VolumeOptions?.DriverConfig?.Name ?? "",
    // Where a part of the volume is asked for, that part is there already.
    copyData: !mount.VolumeOptions?.NoCopy && !subpath,
    ...(subpath && { subpath }),
    ...(idMap && { idMap }),
  };
}

function idMapOf({ Type: type, IDMap: text }: Mount): IdMap | undefined {
  if (!text) return undefined;
  const words = text.split(",");
  if (words.every(isIdMapWord)) return parseIdMap(words);
  throw invalidArgument(
    `invalid mount config for type ${JSON.stringify(type ?? "")}: invalid idmap: ${text}`,
  );
}

function tmpfsOptions(mount: Mount): string[] {
  const { SizeBytes: size = 0, Mode: mode = 0, Options: more = [] } = mount.TmpfsOptions ?? {};
  return [
    ...(mount.ReadOnly ? ["ro"] : []),
    ...(mode > 0 ? [`mode=${mode.toString(8)}`] : []),
    ...(size > 0 ? [`size=${size}`] : []),
    ...more.map((option) => option.join("=")),
  ];
}
