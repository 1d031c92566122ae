import { statSync } from "node:fs";
import type { DeviceRequest } from "../api/host-config.ts";
import { errnoOf, internal, invalidArgument, messageOf } from "../base/errors.ts";
import type {
  DeviceRule,
  DeviceSpec,
  HookSpec,
  HooksSpec,
  MountSpec,
  RuntimeSpec,
} from "../oci/runtime-spec.ts";
import { type CdiDevice, type CdiDeviceNode, type CdiEdits, readCdiDevices } from "./cdi-spec.ts";
import { numbersOf } from "./devices.ts";

type Devices = ReadonlyMap<string, CdiDevice>;

/** The class of devices that `--gpus` asks for. */
const gpuClass = "/gpu";

/** The full names of the devices that a request comes to. Throws `internal` with Docker's words where there are none. */
function namesFor(request: DeviceRequest, devices: Devices): string[] {
  const { Driver: driver = "", DeviceIDs: ids, Capabilities } = request;
  if (driver === "cdi") return ids ?? [];
  const capabilities = Capabilities ?? [];
  const shown = capabilities.map((group) => `[${group.join(" ")}]`).join(" ");
  const wanted = capabilities.some((group) => group.includes("gpu"));
  const kinds = [...new Set([...devices.values()].map(({ kind }) => kind))].filter((kind) =>
    kind.endsWith(gpuClass),
  );
  const kind = wanted ? kinds.find((kind) => driver === "" || kind.startsWith(`${driver}.`)) : undefined;
  if (kind === undefined) {
    throw internal(`could not select device driver ${JSON.stringify(driver)} with capabilities: [${shown}]`);
  }
  return gpus(kind, request, devices).map((name) => `${kind}=${name}`);
}

/** By number, by name, or all. */
function gpus(kind: string, { Count: count = 0, DeviceIDs: ids }: DeviceRequest, devices: Devices): string[] {
  if (ids?.length) return [...ids];
  const names = [...devices.values()].filter((device) => device.kind === kind).map(({ name }) => name);
  if (count < 0) return names.includes("all") ? ["all"] : names;
  const single = names
    .filter((name) => name !== "all")
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  if (count > single.length) {
    throw internal(`could not select ${count} devices of ${kind}: there are ${single.length}`);
  }
  return single.slice(0, count);
}

/**
 * The specification with the devices that the requests name. The host's specifications are read when there is a request
 * only. Throws `internal` for devices that are not there, with Docker's words.
 */
export function injectDevices(
  spec: RuntimeSpec,
  requests: readonly DeviceRequest[],
  directories: readonly string[],
): RuntimeSpec {
  if (requests.length === 0) return spec;
  const devices = readCdiDevices(directories);
  const names = [...new Set(requests.flatMap((request) => namesFor(request, devices)))];
  const missing = names.filter((name) => !devices.has(name));
  if (missing.length > 0) {
    throw internal(`CDI device injection failed: unresolvable CDI devices ${missing.join(", ")}`);
  }
  const edits = new Set<CdiEdits>();
  for (const device of names.map((name) => devices.get(name))) {
    if (device?.common) edits.add(device.common);
    if (device) edits.add(device.edits);
  }
  return [...edits].reduce(applyEdits, spec);
}

function applyEdits(spec: RuntimeSpec, edits: CdiEdits): RuntimeSpec {
  const nodes = (edits.deviceNodes ?? []).map(node);
  const paths = new Set(nodes.map(({ device }) => device.path));
  const mounts = (edits.mounts ?? []).map(
    ({ hostPath, containerPath, type, options }): MountSpec => ({
      destination: containerPath,
      source: hostPath,
      type: type || "bind",
      options: options ?? ["ro", "nosuid", "nodev", "bind"],
    }),
  );
  const { process, linux } = spec;
  const gids = [...(process.user.additionalGids ?? []), ...(edits.additionalGids ?? [])];
  return {
    ...spec,
    process: {
      ...process,
      env: withVariables(process.env, edits.env ?? []),
      user: { ...process.user, ...(gids.length > 0 && { additionalGids: [...new Set(gids)] }) },
    },
    mounts: [...spec.mounts, ...mounts],
    ...(edits.hooks?.length && { hooks: withHooks(spec.hooks ?? {}, edits.hooks) }),
    linux: {
      ...linux,
      devices: [
        ...(linux.devices ?? []).filter(({ path }) => !paths.has(path)),
        ...nodes.map(({ device }) => device),
      ],
      resources: {
        ...linux.resources,
        devices: [...(linux.resources?.devices ?? []), ...nodes.map(({ rule }) => rule)],
      },
    },
  };
}

function withVariables(env: readonly string[], added: readonly string[]): string[] {
  const keys = new Set(added.map((entry) => entry.split("=")[0]));
  return [...env.filter((entry) => !keys.has(entry.split("=")[0])), ...added];
}

/** What the specification does not say of a node is taken from the host's. */
function node(given: CdiDeviceNode): { device: DeviceSpec; rule: DeviceRule } {
  const { path, hostPath = path, permissions = "rwm" } = given;
  const host = given.type === undefined || given.major === undefined ? hostNode(hostPath) : undefined;
  const type = given.type ?? host?.type ?? "c";
  const { major, minor } = given.major === undefined ? { major: host?.major, minor: host?.minor } : given;
  const device: DeviceSpec = {
    path,
    type: type === "b" ? "b" : type === "p" ? "p" : "c",
    major: major ?? 0,
    minor: minor ?? 0,
    fileMode: given.fileMode ?? host?.fileMode ?? 0o666,
    uid: given.uid ?? host?.uid ?? 0,
    gid: given.gid ?? host?.gid ?? 0,
  };
  const rule = {
    allow: true,
    type: type === "b" ? "b" : "c",
    major: device.major,
    minor: device.minor,
  } as const;
  return { device, rule: { ...rule, access: permissions } };
}

function hostNode(path: string) {
  try {
    const stat = statSync(path);
    if (!stat.isCharacterDevice() && !stat.isBlockDevice()) {
      throw invalidArgument("not a device node");
    }
    const type = stat.isBlockDevice() ? "b" : "c";
    return { type, ...numbersOf(stat.rdev), fileMode: stat.mode & 0o777, uid: stat.uid, gid: stat.gid };
  } catch (error) {
    const why = errnoOf(error) === "ENOENT" ? "no such file or directory" : messageOf(error);
    throw internal(
      `CDI device injection failed: failed to stat CDI host device ${JSON.stringify(path)}: ${why}`,
    );
  }
}

const hookKinds = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;

function withHooks(before: HooksSpec, added: NonNullable<CdiEdits["hooks"]>): HooksSpec {
  const hooks: HooksSpec = { ...before };
  for (const { hookName, path, args, env, timeout } of added) {
    const kind = hookKinds.find((kind) => kind === hookName);
    if (!kind) throw internal(`CDI device injection failed: unknown hook name ${JSON.stringify(hookName)}`);
    const hook: HookSpec = { path, ...(args && { args }), ...(env && { env }), ...(timeout && { timeout }) };
    hooks[kind] = [...(hooks[kind] ?? []), hook];
  }
  return hooks;
}
