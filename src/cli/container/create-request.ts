import type {
  ContainerCreateRequest,
  EndpointSettings,
  HostConfig,
  Mount,
  PortMap,
} from "../../api/containers.ts";
import { invalidArgument } from "../../base/errors.ts";
import type { FlagValues } from "../flags.ts";
import { isMac } from "./checks.ts";
import type { CreateFlags } from "./create-flags.ts";
import { readDevices } from "./devices.ts";
import { pairs, readEnvironment, readLabels } from "./environment.ts";
import { orNil } from "./go-nil.ts";
import { parseVolumeFlag } from "./mounts.ts";
import type { NetworkAttachment } from "./networks.ts";
import { addPublished, exposedPorts } from "./ports.ts";
import { readSecurity } from "./security.ts";

export type CreateValues = FlagValues<CreateFlags>;

/** The flags of one `create` or `run`, its image, and the command to run in it. */
export interface CreateInput {
  readonly flags: CreateValues;
  readonly changed: (name: keyof CreateFlags) => boolean;
  readonly image: string;
  readonly command: readonly string[];
  /** Size of the terminal that the container gets: rows and columns, 0 where there is none. */
  readonly consoleSize: readonly [number, number];
  /** The daemon's socket, where the container is to have it (`--use-api-socket`). */
  readonly apiSocket?: string;
}

/** The body of `POST /containers/create`. Throws `invalidArgument` with the Go client's texts. */
export function createRequest(input: CreateInput): ContainerCreateRequest {
  const { flags, changed } = input;
  checkScalars(flags);
  // What is said twice is meant once.
  const volumes = [...new Set(flags.volume)].map(parseVolumeFlag);
  const bindings: PortMap = {};
  for (const text of flags.publish) addPublished(bindings, text);
  const exposed = new Set([...Object.keys(bindings), ...flags.expose.flatMap(exposedPorts)]);
  const env = readEnvironment(flags["env-file"], flags.env);
  const labels = readLabels(flags["label-file"], flags.label);
  checkModes(flags);
  const attachStdin = flags.interactive || flags.attach.includes("stdin");
  const none = flags.attach.length === 0;
  const HostConfig = hostConfig(input, volumes, bindings);
  const healthcheck = health(flags);
  return {
    Hostname: flags.hostname,
    Domainname: flags.domainname,
    User: flags.user,
    AttachStdin: attachStdin,
    AttachStdout: none || flags.attach.includes("stdout"),
    AttachStderr: none || flags.attach.includes("stderr"),
    ...(exposed.size > 0 ? { ExposedPorts: Object.fromEntries([...exposed].map((port) => [port, {}])) } : {}),
    Tty: flags.tty,
    OpenStdin: flags.interactive,
    // An attached client that goes away closes the input.
    StdinOnce: flags.interactive && attachStdin,
    Env: orNil(env),
    Cmd: orNil(input.command),
    ...(healthcheck ? { Healthcheck: healthcheck } : {}),
    Image: input.image,
    Volumes: Object.fromEntries(volumes.flatMap(({ anonymous }) => (anonymous ? [[anonymous, {}]] : []))),
    WorkingDir: flags.workdir,
    Entrypoint: changed("entrypoint") ? [flags.entrypoint] : orNil<string>([]),
    ...(flags["mac-address"] ? { MacAddress: flags["mac-address"] } : {}),
    OnBuild: orNil<string>([]),
    Labels: labels,
    ...(flags["stop-signal"] ? { StopSignal: flags["stop-signal"] } : {}),
    ...(changed("stop-timeout") ? { StopTimeout: flags["stop-timeout"] } : {}),
    HostConfig,
    NetworkingConfig: { EndpointsConfig: endpoints(flags) },
  };
}

function checkScalars(flags: CreateValues): void {
  if (flags["mac-address"] && !isMac(flags["mac-address"])) {
    throw invalidArgument(`${flags["mac-address"]} is not a valid mac address`);
  }
  const swappiness = flags["memory-swappiness"];
  if (swappiness !== -1 && (swappiness < 0 || swappiness > 100)) {
    throw invalidArgument(`invalid value: ${swappiness}. Valid memory swappiness range is 0-100`);
  }
}

function checkModes(flags: CreateValues): void {
  const container = (mode: string) => /^container:.+$/.test(mode);
  if (flags.pid && flags.pid !== "host" && !container(flags.pid))
    throw invalidArgument("--pid: invalid PID mode");
  if (flags.uts && flags.uts !== "host") throw invalidArgument("--uts: invalid UTS mode");
  if (flags.userns && flags.userns !== "host") throw invalidArgument("--userns: invalid USER mode");
  if (!["", "private", "host"].includes(flags.cgroupns))
    throw invalidArgument("--cgroupns: invalid CGROUP mode");
}

function health(flags: CreateValues): ContainerCreateRequest["Healthcheck"] {
  const names = [
    "health-interval",
    "health-timeout",
    "health-start-period",
    "health-start-interval",
    "health-retries",
  ] as const;
  const any = flags["health-cmd"] !== "" || names.some((name) => flags[name] !== 0);
  if (flags["no-healthcheck"]) {
    if (any) throw invalidArgument("--no-healthcheck conflicts with --health-* options");
    return { Test: ["NONE"] };
  }
  if (!any) return undefined;
  for (const name of [
    "health-interval",
    "health-timeout",
    "health-retries",
    "health-start-period",
  ] as const) {
    if (flags[name] < 0) throw invalidArgument(`--${name} cannot be negative`);
  }
  if (flags["health-start-interval"] < 0) throw invalidArgument("--health-start-interval cannot be negative");
  const set = (key: string, value: number) => (value === 0 ? {} : { [key]: value });
  return {
    ...(flags["health-cmd"] ? { Test: ["CMD-SHELL", flags["health-cmd"]] } : {}),
    ...set("Interval", flags["health-interval"]),
    ...set("Timeout", flags["health-timeout"]),
    ...set("StartPeriod", flags["health-start-period"]),
    ...set("StartInterval", flags["health-start-interval"]),
    ...set("Retries", flags["health-retries"]),
  };
}

/** `--restart`: `no`, `always`, `unless-stopped`, `on-failure[:times]`. */
export function parseRestartPolicy(text: string): NonNullable<HostConfig["RestartPolicy"]> {
  if (text === "") return { Name: "", MaximumRetryCount: 0 };
  const colon = text.indexOf(":");
  const name = colon < 0 ? text : text.slice(0, colon);
  if (name === "") throw invalidArgument("invalid restart policy format: no policy provided before colon");
  const count = colon < 0 ? "0" : text.slice(colon + 1);
  if (!/^[+-]?\d+$/.test(count) && count !== "") {
    throw invalidArgument("invalid restart policy format: maximum retry count must be an integer");
  }
  return { Name: name as "no", MaximumRetryCount: Number(count) };
}

function logConfig(flags: CreateValues): NonNullable<HostConfig["LogConfig"]> {
  const driver = flags["log-driver"];
  if (driver === "none" && flags["log-opt"].length > 0) {
    throw invalidArgument(`invalid logging opts for driver ${driver}`);
  }
  return { Type: driver, Config: pairs(flags["log-opt"]) };
}

function storageOptions(flags: CreateValues): Record<string, string> {
  for (const text of flags["storage-opt"]) {
    if (!text.includes("=")) throw invalidArgument("invalid storage option");
  }
  return pairs(flags["storage-opt"]);
}

const socketMount = (Source: string): Mount => ({
  Type: "bind",
  Source,
  Target: "/var/run/docker.sock",
  BindOptions: {},
});

/** Names in their full form (`CAP_NET_ADMIN`), each once, sorted; `ALL` makes the others needless. */
function capabilities(given: readonly string[]): string[] {
  const names = given.map((text) => text.trim().toUpperCase());
  if (names.includes("ALL")) return ["ALL"];
  return [...new Set(names.map((name) => (name.startsWith("CAP_") ? name : `CAP_${name}`)))].sort();
}

function notEmpty<K extends string, T>(key: K, value: Record<string, T>): { [P in K]?: Record<string, T> } {
  return (Object.keys(value).length > 0 ? { [key]: value } : {}) as { [P in K]?: Record<string, T> };
}

function hostConfig(
  input: CreateInput,
  volumes: readonly { readonly bind?: string }[],
  bindings: PortMap,
): HostConfig {
  const { flags, changed } = input;
  const devices = readDevices(flags.device);
  const restart = parseRestartPolicy(flags.restart);
  const LogConfig = logConfig(flags);
  const security = readSecurity(flags["security-opt"]);
  const StorageOpt = storageOptions(flags);
  if (flags.rm && restart.Name !== "" && restart.Name !== "no") {
    throw invalidArgument("conflicting options: cannot specify both --restart and --rm");
  }
  const tmpfs = flags.tmpfs.map((text): [string, string] => {
    const colon = text.indexOf(":");
    return colon < 0 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
  });
  const networks = flags.network;
  const mounts = [...flags.mount, ...(input.apiSocket ? [socketMount(input.apiSocket)] : [])];
  return {
    Binds: orNil(volumes.flatMap(({ bind }) => (bind === undefined ? [] : [bind]))),
    ContainerIDFile: flags.cidfile,
    LogConfig,
    NetworkMode: networks[0]?.target ?? "default",
    PortBindings: bindings,
    RestartPolicy: restart,
    ...(flags["health-on-failure"] ? { HealthOnFailure: flags["health-on-failure"] } : {}),
    AutoRemove: flags.rm,
    VolumeDriver: flags["volume-driver"],
    VolumesFrom: orNil(flags["volumes-from"]),
    ConsoleSize: [...input.consoleSize],
    ...(flags.annotation.size > 0 ? { Annotations: Object.fromEntries(flags.annotation) } : {}),
    CapAdd: orNil(capabilities(flags["cap-add"])),
    CapDrop: orNil(capabilities(flags["cap-drop"])),
    CgroupnsMode: flags.cgroupns,
    Dns: [...flags.dns],
    DnsOptions: [...flags["dns-option"]],
    DnsSearch: [...flags["dns-search"]],
    ExtraHosts: orNil(flags["add-host"]),
    GroupAdd: orNil(flags["group-add"]),
    IpcMode: flags.ipc,
    Cgroup: "",
    Links: orNil(flags.link),
    OomScoreAdj: flags["oom-score-adj"],
    PidMode: flags.pid,
    Privileged: flags.privileged,
    PublishAllPorts: flags["publish-all"],
    ReadonlyRootfs: flags["read-only"],
    SecurityOpt: security.options ?? orNil<string>([]),
    ...notEmpty("StorageOpt", StorageOpt),
    ...notEmpty("Tmpfs", Object.fromEntries(tmpfs)),
    UTSMode: flags.uts,
    UsernsMode: flags.userns,
    ShmSize: flags["shm-size"],
    ...notEmpty("Sysctls", Object.fromEntries(flags.sysctl)),
    ...(flags.runtime ? { Runtime: flags.runtime } : {}),
    Isolation: flags.isolation,
    ...resources(flags, devices),
    ...(mounts.length > 0 ? { Mounts: mounts } : {}),
    MaskedPaths: security.maskedPaths,
    ReadonlyPaths: security.readonlyPaths,
    ...(changed("init") ? { Init: flags.init } : {}),
  };
}

function resources(flags: CreateValues, devices: ReturnType<typeof readDevices>): Partial<HostConfig> {
  return {
    CpuShares: flags["cpu-shares"],
    Memory: flags.memory,
    NanoCpus: flags.cpus,
    CgroupParent: flags["cgroup-parent"],
    BlkioWeight: flags["blkio-weight"],
    BlkioWeightDevice: [...flags["blkio-weight-device"]],
    BlkioDeviceReadBps: [...flags["device-read-bps"]],
    BlkioDeviceWriteBps: [...flags["device-write-bps"]],
    BlkioDeviceReadIOps: [...flags["device-read-iops"]],
    BlkioDeviceWriteIOps: [...flags["device-write-iops"]],
    CpuPeriod: flags["cpu-period"],
    CpuQuota: flags["cpu-quota"],
    CpuRealtimePeriod: flags["cpu-rt-period"],
    CpuRealtimeRuntime: flags["cpu-rt-runtime"],
    CpusetCpus: flags["cpuset-cpus"],
    CpusetMems: flags["cpuset-mems"],
    Devices: devices.mappings,
    DeviceCgroupRules: orNil(flags["device-cgroup-rule"]),
    DeviceRequests: orNil([...flags.gpus, ...devices.requests]),
    ...(flags["kernel-memory"] === 0 ? {} : { KernelMemory: flags["kernel-memory"] }),
    MemoryReservation: flags["memory-reservation"],
    MemorySwap: flags["memory-swap"],
    MemorySwappiness: flags["memory-swappiness"],
    OomKillDisable: flags["oom-kill-disable"],
    PidsLimit: flags["pids-limit"],
    Ulimits: [...flags.ulimit.values()].sort((a, b) => ((a.Name ?? "") < (b.Name ?? "") ? -1 : 1)),
    CpuCount: flags["cpu-count"],
    CpuPercent: flags["cpu-percent"],
    IOMaximumIOps: flags["io-maxiops"],
    IOMaximumBandwidth: flags["io-maxbandwidth"],
  };
}

const isUserDefined = (network: string) =>
  !["", "default", "bridge", "host", "none"].includes(network) && !network.startsWith("container:");

/** The older flags (`--ip`, `--network-alias`, …) belong to the first network. */
function withOldFlags(flags: CreateValues, network: NetworkAttachment): NetworkAttachment {
  const both = (flag: string, what: string) =>
    invalidArgument(`conflicting options: cannot specify both --${flag} and per-network ${what}`);
  const aliases = [...flags["network-alias"]];
  if (network.aliases.length > 0 && aliases.length > 0) throw both("network-alias", "alias");
  if (network.ipv4 && flags.ip) throw both("ip", "IPv4 address");
  if (network.ipv6 && flags.ip6) throw both("ip6", "IPv6 address");
  if (network.mac && flags["mac-address"]) throw both("mac-address", "MAC address");
  if (network.linkLocal.length > 0 && flags["link-local-ip"].length > 0) {
    throw both("link-local-ip", "link-local IP addresses");
  }
  return {
    ...network,
    aliases: aliases.length > 0 ? aliases : network.aliases,
    ipv4: flags.ip || network.ipv4,
    ipv6: flags.ip6 || network.ipv6,
    mac: flags["mac-address"] || network.mac,
    linkLocal: flags["link-local-ip"].length > 0 ? [...flags["link-local-ip"]] : network.linkLocal,
  };
}

function endpoint(network: NetworkAttachment, links: readonly string[]): EndpointSettings {
  if (network.target.trim() === "") throw invalidArgument("no name set for network");
  if (!isUserDefined(network.target) && network.aliases.length > 0) {
    throw invalidArgument("network-scoped aliases are only supported for user-defined networks");
  }
  if (network.mac && !isMac(network.mac)) throw invalidArgument(`${network.mac} is not a valid mac address`);
  const addressed = network.ipv4 || network.ipv6 || network.linkLocal.length > 0;
  const IPAMConfig = {
    ...(network.ipv4 ? { IPv4Address: network.ipv4 } : {}),
    ...(network.ipv6 ? { IPv6Address: network.ipv6 } : {}),
    ...(network.linkLocal.length > 0 ? { LinkLocalIPs: network.linkLocal } : {}),
  };
  return {
    IPAMConfig: addressed ? IPAMConfig : null,
    Links: links.length > 0 ? [...links] : null,
    Aliases: network.aliases.length > 0 ? network.aliases : null,
    MacAddress: network.mac,
    DriverOpts: Object.keys(network.driverOpts).length > 0 ? network.driverOpts : null,
    GwPriority: network.priority,
    NetworkID: "",
    EndpointID: "",
    Gateway: "",
    IPAddress: "",
    IPPrefixLen: 0,
    IPv6Gateway: "",
    GlobalIPv6Address: "",
    GlobalIPv6PrefixLen: 0,
    DNSNames: null,
  };
}

function isPlain(settings: EndpointSettings): boolean {
  return Object.values(settings).every((value) => value === null || value === "" || value === 0);
}

function endpoints(flags: CreateValues): Record<string, EndpointSettings> {
  const networks = flags.network;
  const plain = {
    target: "default",
    aliases: [],
    driverOpts: {},
    ipv4: "",
    ipv6: "",
    linkLocal: [],
    mac: "",
    priority: 0,
  };
  const asked = networks.length > 0 ? networks : [plain];
  const kinds = new Set(networks.map(({ target }) => isUserDefined(target)));
  const found: Record<string, EndpointSettings> = {};
  for (const [index, network] of asked.entries()) {
    const links = index === 0 && network.target !== "default" ? flags.link : [];
    const settings = endpoint(index === 0 ? withOldFlags(flags, network) : network, links);
    if (Object.hasOwn(found, network.target)) {
      throw invalidArgument(`network ${JSON.stringify(network.target)} is specified multiple times`);
    }
    // A lone network without settings is named by the network mode alone.
    if (networks.length === 1 && isPlain(settings)) continue;
    found[network.target] = settings;
  }
  if (kinds.size > 1) {
    throw invalidArgument(
      "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
    );
  }
  return found;
}
