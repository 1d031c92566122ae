import { readdirSync } from "node:fs";
import { availableParallelism, hostname } from "node:os";
import type { SystemInfo, SystemVersion } from "../api/system.ts";
import { maxApiVersion, minApiVersion } from "../api/version.ts";
import { buildCommit, buildVersion, dockerRelease } from "../base/build.ts";
import { rfc3339Nano } from "../base/clock.ts";
import { hubIndexServer } from "../distribution/endpoints.ts";
import { validateMirror } from "../distribution/mirrors.ts";
import { withoutUser } from "../distribution/proxies.ts";
import { networkDrivers } from "../network/spec.ts";
import { logDrivers } from "../runtime/logs/options.ts";
import type { Engine } from "./engine.ts";
import { goArch, kernelVersion, machine, memoryTotal, operatingSystem, sysctlIsOn } from "./host.ts";

/** `GET /version`. */
export function systemVersion({ experimental }: { experimental: boolean }): SystemVersion {
  const details = { ApiVersion: maxApiVersion, MinAPIVersion: minApiVersion };
  return {
    Platform: { Name: `Longshore ${buildVersion}` },
    Version: dockerRelease,
    ApiVersion: maxApiVersion,
    MinAPIVersion: minApiVersion,
    Os: "linux",
    Arch: goArch(),
    Components: [
      {
        Name: "Engine",
        Version: dockerRelease,
        Details: {
          ...details,
          Arch: goArch(),
          Experimental: String(experimental),
          GitCommit: buildCommit,
          KernelVersion: kernelVersion,
          Os: "linux",
        },
      },
      { Name: "longshore", Version: buildVersion, Details: { GitCommit: buildCommit } },
    ],
    GitCommit: buildCommit,
    GoVersion: "",
    KernelVersion: kernelVersion,
    Experimental: experimental,
  };
}

/** `GET /info`. */
export function systemInfo(engine: Engine): SystemInfo {
  const { containers, settings, cgroup } = engine;
  const states = containers.set.all().map((container) => container.state.status);
  const { defaultAddressPools: pools } = settings.network;
  const warnings = containers.network.warnings().map((text) => `WARNING: ${text}`);
  const count = (...wanted: string[]) => states.filter((status) => wanted.includes(status)).length;
  return {
    ID: engine.id,
    Containers: states.length,
    ContainersRunning: count("running", "restarting"),
    ContainersPaused: count("paused"),
    ContainersStopped: count("created", "exited", "dead", "removing"),
    Images: engine.images.list().length,
    ...storage,
    ...plugins(engine),
    ...limits(cgroup.controllers),
    ...hostFacts(),
    Debug: settings.debug,
    NFd: readdirSync("/proc/self/fd").length,
    NGoroutines: 0,
    SystemTime: rfc3339Nano(engine.clock.nowNanos()),
    LoggingDriver: containers.settings.logDriver,
    CgroupDriver: "cgroupfs",
    CgroupVersion: cgroup.version,
    NEventsListener: engine.events.listeners,
    IndexServerAddress: hubIndexServer,
    RegistryConfig: registryConfig(engine),
    GenericResources: null,
    DockerRootDir: settings.dataRoot,
    HttpProxy: withoutUser(settings.transfer.proxies.httpProxy),
    HttpsProxy: withoutUser(settings.transfer.proxies.httpsProxy),
    NoProxy: settings.transfer.proxies.noProxy,
    Labels: [...settings.labels],
    ExperimentalBuild: settings.experimental,
    ServerVersion: dockerRelease,
    ...runtimes(engine),
    Swarm: noSwarm,
    // Containers always outlive the daemon.
    LiveRestoreEnabled: true,
    Isolation: "",
    SecurityOptions: [...engine.securityOptions],
    FirewallBackend: { Driver: "nftables" },
    CDISpecDirs: [...settings.cdiDirectories],
    ...(pools && { DefaultAddressPools: pools.map(({ base, size }) => ({ Base: base, Size: size })) }),
    Warnings: warnings.length > 0 ? warnings : null,
  };
}

const storage = {
  Driver: "overlay2",
  DriverStatus: [
    ["Backing Filesystem", "overlayfs"],
    ["Image store", "longshore"],
  ],
};

const noSwarm: SystemInfo["Swarm"] = {
  NodeID: "",
  NodeAddr: "",
  LocalNodeState: "inactive",
  ControlAvailable: false,
  Error: "",
  RemoteManagers: null,
};

function plugins(engine: Engine): Pick<SystemInfo, "Plugins"> {
  return {
    Plugins: {
      Volume: [...new Set(["local", ...engine.volumes.all().map((volume) => volume.driver)])].sort(),
      Network: [
        ...new Set([...networkDrivers, ...engine.containers.network.list().map(({ Driver }) => Driver)]),
      ].sort(),
      Authorization: null,
      Log: logDrivers,
    },
  };
}

function limits(controllers: ReadonlySet<string>) {
  const cpu = controllers.has("cpu");
  return {
    MemoryLimit: controllers.has("memory"),
    SwapLimit: controllers.has("memory"),
    KernelMemory: false,
    CpuCfsPeriod: cpu,
    CpuCfsQuota: cpu,
    CPUShares: cpu,
    CPUSet: controllers.has("cpuset"),
    PidsLimit: controllers.has("pids"),
    OomKillDisable: controllers.has("memory"),
  };
}

function hostFacts() {
  const { name, version } = operatingSystem();
  return {
    IPv4Forwarding: sysctlIsOn("net/ipv4/ip_forward"),
    BridgeNfIptables: sysctlIsOn("net/bridge/bridge-nf-call-iptables"),
    BridgeNfIp6tables: sysctlIsOn("net/bridge/bridge-nf-call-ip6tables"),
    KernelVersion: kernelVersion,
    OperatingSystem: name,
    OSVersion: version,
    OSType: "linux",
    Architecture: machine(),
    NCPU: availableParallelism(),
    MemTotal: memoryTotal,
    Name: hostname(),
  };
}

function runtimes(engine: Engine) {
  const { defaultRuntime, runtimes: known } = engine.containers.settings;
  const none = { ID: "", Expected: "" };
  return {
    Runtimes: Object.fromEntries([...known].map(([name, runtime]) => [name, { path: runtime.path }])),
    DefaultRuntime: defaultRuntime,
    InitBinary: "docker-init",
    ContainerdCommit: none,
    RuncCommit: none,
    InitCommit: none,
  };
}

/** Mirrors of other registries than Docker Hub stand with their indexes, by the key that they are configured under. */
function registryConfig(engine: Engine): SystemInfo["RegistryConfig"] {
  const { mirrors = [], registryMirrors = {}, insecureRegistries = [] } = engine.settings.transfer;
  const isCidr = (text: string) => /^[0-9a-f.:]+\/\d+$/i.test(text);
  const insecureHosts = insecureRegistries.filter((registry) => !isCidr(registry));
  const hub = [...mirrors.map(validateMirror), ...(registryMirrors["docker.io"] ?? [])];
  const index = (name: string, official = false) => ({
    Name: name,
    Mirrors: official ? hub : [...(registryMirrors[name] ?? [])],
    Secure: !insecureHosts.includes(name),
    Official: official,
  });
  return {
    InsecureRegistryCIDRs: [...insecureRegistries.filter(isCidr), "::1/128", "127.0.0.0/8"],
    IndexConfigs: Object.fromEntries(
      [...new Set([...insecureHosts, ...Object.keys(registryMirrors)])]
        .map((name) => [name, index(name)])
        .concat([["docker.io", index("docker.io", true)]]),
    ),
    Mirrors: hub,
  };
}
