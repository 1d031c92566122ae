import type { SystemInfo } from "../../api/system.ts";
import { binarySize } from "../../base/units.ts";

/** ` Name: value`, or nothing where there is no value. */
const optional = (name: string, value: string | undefined): string[] => (value ? [` ${name}: ${value}`] : []);
const block = (name: string, items: readonly string[] | null | undefined): string[] =>
  items && items.length > 0 ? [` ${name}:`, ...items.map((item) => `  ${item}`)] : [];

function securityOptions(options: readonly string[]): string[] {
  const lines: string[] = [];
  for (const option of options) {
    const fields = option.split(",").map((field) => {
      const equals = field.indexOf("=");
      return equals < 0 ? ["name", field] : [field.slice(0, equals), field.slice(equals + 1)];
    });
    const name = fields.find(([key]) => key === "name")?.[1] ?? "";
    lines.push(`  ${name}`);
    for (const [key = "", value = ""] of fields) {
      if (key !== "name") lines.push(`   ${key[0]?.toUpperCase()}${key.slice(1)}: ${value}`);
    }
  }
  return lines.length === 0 ? [] : [" Security Options:", ...lines];
}

function swarm(info: SystemInfo): string[] {
  const { Swarm } = info;
  const lines = [` Swarm: ${Swarm.LocalNodeState}`];
  if (Swarm.LocalNodeState === "inactive" || Swarm.LocalNodeState === "locked") return lines;
  lines.push(`  NodeID: ${Swarm.NodeID}`);
  if (Swarm.Error) lines.push(`  Error: ${Swarm.Error}`);
  lines.push(`  Is Manager: ${Swarm.ControlAvailable}`, `  Node Address: ${Swarm.NodeAddr}`);
  return lines;
}

function debugging(info: SystemInfo): string[] {
  if (!info.Debug) return [];
  return [
    `  File Descriptors: ${info.NFd}`,
    `  Goroutines: ${info.NGoroutines}`,
    `  System Time: ${info.SystemTime}`,
    `  EventsListeners: ${info.NEventsListener}`,
  ];
}

function registries(info: SystemInfo): string[] {
  const config = info.RegistryConfig;
  if (!config) return [];
  const plain = Object.values(config.IndexConfigs ?? {}).filter((index) => !index.Secure);
  const insecure = [...plain.map(({ Name }) => Name), ...(config.InsecureRegistryCIDRs ?? [])];
  // Docker knows mirrors of Docker Hub only; others stand with what they are for.
  const others = Object.values(config.IndexConfigs ?? {}).flatMap(({ Name, Mirrors, Official }) =>
    Official ? [] : (Mirrors ?? []).map((mirror) => `${mirror} (${Name})`),
  );
  const mirrors = [...(config.Mirrors ?? []), ...others];
  return [...block("Insecure Registries", insecure), ...block("Registry Mirrors", mirrors)];
}

function pools(info: SystemInfo): string[] {
  const lines = (info.DefaultAddressPools ?? []).map(({ Base, Size }) => `   Base: ${Base}, Size: ${Size}`);
  return lines.length === 0 ? [] : [" Default Address Pools:", ...lines];
}

function firewall(info: SystemInfo): string[] {
  const backend = info.FirewallBackend;
  if (!backend) return [];
  return [
    ` Firewall Backend: ${backend.Driver}`,
    ...(backend.Info ?? []).map(([key, value]) => `  ${key}: ${value}`),
  ];
}

const pluginKinds = ["Volume", "Network", "Authorization", "Log"] as const;

function plugins(info: SystemInfo): string[] {
  const lines = pluginKinds.flatMap((kind) => {
    const names = info.Plugins[kind] ?? [];
    return names.length === 0 && kind === "Authorization" ? [] : [`  ${kind}: ${names.join(" ")}`];
  });
  return [" Plugins:", ...lines];
}

/** What `docker info` says of the daemon, line by line. */
export function serverLines(info: SystemInfo): string[] {
  return [
    ` Containers: ${info.Containers}`,
    `  Running: ${info.ContainersRunning}`,
    `  Paused: ${info.ContainersPaused}`,
    `  Stopped: ${info.ContainersStopped}`,
    ` Images: ${info.Images}`,
    ...optional("Server Version", info.ServerVersion),
    ...optional("Storage Driver", info.Driver),
    ...(info.DriverStatus ?? []).map(([key, value]) => `  ${key}: ${value}`),
    ...optional("Logging Driver", info.LoggingDriver),
    ...optional("Cgroup Driver", info.CgroupDriver),
    ...optional("Cgroup Version", info.CgroupVersion),
    ...plugins(info),
    ...block("CDI spec directories", info.CDISpecDirs),
    ...block(
      "Discovered Devices",
      info.DiscoveredDevices?.map(({ Source, ID }) => `${Source}: ${ID}`),
    ),
    ...swarm(info),
    ...(Object.keys(info.Runtimes ?? {}).length > 0
      ? [
          ` Runtimes: ${Object.keys(info.Runtimes).sort().join(" ")}`,
          ` Default Runtime: ${info.DefaultRuntime}`,
        ]
      : []),
    ` Init Binary: ${info.InitBinary}`,
    ` containerd version: ${info.ContainerdCommit.ID}`,
    ` runc version: ${info.RuncCommit.ID}`,
    ` init version: ${info.InitCommit.ID}`,
    ...securityOptions(info.SecurityOptions ?? []),
    ...optional("Kernel Version", info.KernelVersion),
    ...optional("Operating System", info.OperatingSystem),
    ...optional("OSType", info.OSType),
    ...optional("Architecture", info.Architecture),
    ` CPUs: ${info.NCPU}`,
    ` Total Memory: ${binarySize(info.MemTotal)}`,
    ...optional("Name", info.Name),
    ...optional("ID", info.ID),
    ` Docker Root Dir: ${info.DockerRootDir}`,
    ` Debug Mode: ${info.Debug}`,
    ...debugging(info),
    ...optional("HTTP Proxy", info.HttpProxy),
    ...optional("HTTPS Proxy", info.HttpsProxy),
    ...optional("No Proxy", info.NoProxy),
    ...block("Labels", info.Labels),
    ` Experimental: ${info.ExperimentalBuild}`,
    ...registries(info),
    ` Live Restore Enabled: ${info.LiveRestoreEnabled}`,
    ...optional("Product License", info.ProductLicense),
    ...pools(info),
    ...firewall(info),
  ];
}
