import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { errnoOf, invalidArgument, messageOf } from "../base/errors.ts";

/*
 * Specifications of the Container Device Interface (CDI 1.0, SPEC.md): what a vendor says has to be changed in a
 * container's specification to give it a device.
 */

export interface CdiDeviceNode {
  path: string;
  hostPath?: string;
  type?: string;
  major?: number;
  minor?: number;
  fileMode?: number;
  /** Some of `r`, `w`, `m`. */
  permissions?: string;
  uid?: number;
  gid?: number;
}

export interface CdiHook {
  hookName: string;
  path: string;
  args?: string[];
  env?: string[];
  timeout?: number;
}

export interface CdiEdits {
  env?: string[];
  deviceNodes?: CdiDeviceNode[];
  mounts?: { hostPath: string; containerPath: string; options?: string[]; type?: string }[];
  hooks?: CdiHook[];
  additionalGids?: number[];
}

interface CdiSpec {
  kind: string;
  devices: { name: string; containerEdits?: CdiEdits }[];
  containerEdits?: CdiEdits;
}

/** Where specifications are looked for when the daemon is not told; the later one counts more. */
export const defaultCdiDirectories = ["/etc/cdi", "/var/run/cdi"];

/** A device by its full name, with the edits of all devices of its specification. */
export interface CdiDevice {
  kind: string;
  name: string;
  edits: CdiEdits;
  /** Edits that are made once for all devices of one specification; the same object for all of them. */
  common: CdiEdits | undefined;
}

/** All devices of the specifications in `directories`, by `vendor.com/class=name`. Throws `invalidArgument`. */
export function readCdiDevices(directories: readonly string[]): Map<string, CdiDevice> {
  const devices = new Map<string, CdiDevice>();
  for (const path of directories.flatMap(filesIn)) {
    const spec = readSpec(path);
    for (const { name, containerEdits = {} } of spec.devices) {
      devices.set(`${spec.kind}=${name}`, {
        kind: spec.kind,
        name,
        edits: containerEdits,
        common: spec.containerEdits,
      });
    }
  }
  return devices;
}

function filesIn(directory: string): string[] {
  try {
    const names = readdirSync(directory).filter((name) => [".json", ".yaml", ".yml"].includes(extname(name)));
    return names.sort().map((name) => join(directory, name));
  } catch (error) {
    // Most hosts have none.
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}

function readSpec(path: string): CdiSpec {
  try {
    const text = readFileSync(path, "utf8");
    const spec = (extname(path) === ".json" ? JSON.parse(text) : Bun.YAML.parse(text)) as Partial<CdiSpec>;
    if (typeof spec?.kind !== "string" || !spec.kind.includes("/")) throw new Error("it has no kind");
    if (!Array.isArray(spec.devices)) throw new Error("it has no devices");
    return spec as CdiSpec;
  } catch (error) {
    throw invalidArgument(`invalid CDI specification ${path}: ${messageOf(error)}`, error);
  }
}
