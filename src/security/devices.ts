import { lstatSync, readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import type { DeviceMapping } from "../api/host-config.ts";
import { errnoOf, invalidArgument, messageOf } from "../base/errors.ts";
import type { DeviceRule, DeviceSpec } from "../oci/runtime-spec.ts";

/** Nodes to make in a container, and what its devices cgroup allows of them. */
export interface Devices {
  nodes: DeviceSpec[];
  rules: DeviceRule[];
}

const character = (major: number, minor: number): DeviceRule => ({
  allow: true,
  type: "c",
  major,
  minor,
  access: "rwm",
});

/** Nothing but zero, null, urandom, random, tty, console and tun; the runtime adds full, ptmx and the ptys. */
export const defaultDeviceRules: readonly DeviceRule[] = [
  { allow: false, access: "rwm" },
  character(1, 5),
  character(1, 3),
  character(1, 9),
  character(1, 8),
  character(5, 0),
  character(5, 1),
  character(10, 200),
];

/** Major and minor of a device number as glibc packs them (makedev(3)). */
export function numbersOf(rdev: number): { major: number; minor: number } {
  const device = BigInt(rdev);
  return {
    major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)),
    minor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
  };
}

function toNode(stats: Stats, path: string): DeviceSpec | undefined {
  const type = stats.isCharacterDevice() ? "c" : stats.isBlockDevice() ? "b" : undefined;
  if (!type) return undefined;
  return {
    path,
    type,
    ...numbersOf(stats.rdev),
    fileMode: stats.mode & 0o777,
    uid: stats.uid,
    gid: stats.gid,
  };
}

/** These belong to the container itself, or are links and file systems. */
const ownDirectories = new Set(["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"]);

/** All device nodes below `directory` of the host, in the same places below `target`. */
function nodesBelow(directory: string, target: string): DeviceSpec[] {
  return readdirSync(directory).flatMap((name): DeviceSpec[] => {
    const [path, place] = [join(directory, name), join(target, name)];
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats?.isDirectory()) return ownDirectories.has(name) ? [] : nodesBelow(path, place);
    const node = name === "console" || !stats ? undefined : toNode(stats, place);
    return node ? [node] : [];
  });
}

/** What `--privileged` gives: all of the host's devices. */
export function hostDevices(dev = "/dev"): DeviceSpec[] {
  return nodesBelow(dev, "/dev");
}

const cannotGather = (path: string, why: string) =>
  invalidArgument(`error gathering device information while adding custom device "${path}": ${why}`);

/**
 * A `--device`: one node, by a link too, or all those below a directory. Throws `invalidArgument` with Docker's words.
 */
function mappedDevices(mapping: DeviceMapping): Devices {
  const host = mapping.PathOnHost ?? "";
  const inside = mapping.PathInContainer || host;
  const nodes = gather(host, inside);
  const access = mapping.CgroupPermissions || "rwm";
  return { nodes, rules: nodes.map((node) => ruleFor(node, access)) };
}

function gather(host: string, inside: string): DeviceSpec[] {
  try {
    const path = realpathSync(host);
    const stats = statSync(path);
    if (stats.isDirectory()) {
      const nodes = nodesBelow(path, inside);
      if (nodes.length > 0) return nodes;
    }
    const node = toNode(stats, inside);
    if (node) return [node];
  } catch (error) {
    const missing = errnoOf(error) === "ENOENT";
    throw cannotGather(host, missing ? "no such file or directory" : messageOf(error));
  }
  throw cannotGather(host, "not a device node");
}

function ruleFor(node: DeviceSpec, access: string): DeviceRule {
  return {
    allow: true,
    type: node.type === "b" ? "b" : "c",
    major: node.major,
    minor: node.minor,
    access,
  };
}

const rulePattern = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/;

/** A `--device-cgroup-rule` (`c 13:* rwm`). Throws `invalidArgument`. */
export function parseDeviceRule(text: string): DeviceRule {
  const [, type, major, minor, access] = rulePattern.exec(text) ?? [];
  if (!type || !major || !minor || !access) {
    throw invalidArgument(`invalid device cgroup rule format: '${text}'`);
  }
  return {
    allow: true,
    type: type === "a" ? "a" : type === "b" ? "b" : "c",
    ...(major !== "*" && { major: Number(major) }),
    ...(minor !== "*" && { minor: Number(minor) }),
    access,
  };
}

export interface DeviceRequestInput {
  privileged: boolean;
  mappings: readonly DeviceMapping[];
  /** `--device-cgroup-rule`. */
  rules: readonly string[];
}

/** Nodes and rules of a container. Of two nodes for one path the first wins. Throws `invalidArgument`. */
export function containerDevices(request: DeviceRequestInput): Devices {
  const mapped = request.mappings.map(mappedDevices);
  const nodes = mapped.flatMap((devices) => devices.nodes);
  if (request.privileged) {
    return { nodes: unique([...hostDevices(), ...nodes]), rules: [{ allow: true, access: "rwm" }] };
  }
  const rules = mapped.flatMap((devices) => devices.rules);
  return {
    nodes: unique(nodes),
    rules: [...defaultDeviceRules, ...rules, ...request.rules.map(parseDeviceRule)],
  };
}

function unique(nodes: readonly DeviceSpec[]): DeviceSpec[] {
  const byPath = new Map<string, DeviceSpec>();
  for (const node of nodes) if (!byPath.has(node.path)) byPath.set(node.path, node);
  return [...byPath.values()];
}
