import { existsSync, readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { errnoOf, invalidArgument } from "../../base/errors.ts";
import type { LogLevel } from "../../base/log.ts";
import { proxiesOfEnvironment } from "../../distribution/proxies.ts";
import type { EngineSettings } from "../../engine/engine.ts";
import { defaultCdiDirectories } from "../../security/cdi-spec.ts";
import type { DaemonConfig } from "./options.ts";

/** Programs that can be process 1 of a container, where distributions put them. */
const initPrograms = [
  "/usr/libexec/docker/docker-init",
  "/usr/bin/docker-init",
  "/usr/bin/tini",
  "/sbin/tini",
  "/usr/bin/catatonit",
];

/** The least severe messages that are logged. */
export function logLevelOf(config: DaemonConfig): LogLevel {
  return config.debug ? "debug" : (config.logLevel as LogLevel);
}

/** The configuration as the engine takes it. */
export function engineSettings(config: DaemonConfig): EngineSettings {
  return {
    dataRoot: realPath(resolve(config.dataRoot)),
    execRoot: realPath(resolve(config.execRoot)),
    debug: config.debug,
    experimental: config.experimental,
    labels: config.labels,
    transfer: transferSettings(config),
    keepLayerBlobs: config.keepLayerBlobs,
    network: networkSettings(config),
    logDriver: config.logDriver,
    logOptions: config.logOpts,
    ulimits: Object.values(config.defaultUlimits),
    cgroupParent: config.cgroupParent || "/docker",
    cgroupns: cgroupnsMode(config.defaultCgroupnsMode),
    ipcMode: config.defaultIpcMode,
    shmSize: config.defaultShmSize,
    runtimes: runtimeSettings(config),
    init: config.init,
    dns: { servers: config.dns, search: config.dnsSearch, options: config.dnsOpts },
    initPath: config.initPath || initPrograms.find((path) => existsSync(path)),
    securityDefaults: securityDefaults(config),
    userRemap: config.usernsRemap,
    supervisorCommand: commandOf("longshore-supervisor"),
    resolverCommand: commandOf("longshore-resolver"),
    entitlements: entitlementsOf(config.builder),
    cdiDirectories: config.cdiSpecDirs.length > 0 ? config.cdiSpecDirs : defaultCdiDirectories,
  };
}

/**
 * An absolute path without symbolic links (`/var/run` is one), as the kernel names mounts; what is not there yet is taken
 * by its name.
 */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    return join(realPath(dirname(path)), basename(path));
  }
}

/**
 * `"builder": {"Entitlements": {"network-host": false, "security-insecure": true, "device": true}}`; as in Docker, the
 * host's network and devices may be had where nothing is said. Throws `invalidArgument`.
 */
function entitlementsOf(builder: DaemonConfig["builder"]): EngineSettings["entitlements"] {
  const [, said = {}] = Object.entries(builder).find(([name]) => name.toLowerCase() === "entitlements") ?? [];
  const of = (name: string, initial: boolean): boolean => {
    const [, value = initial] = Object.entries(said ?? {}).find(([key]) => key.toLowerCase() === name) ?? [];
    if (typeof value === "boolean") return value;
    throw invalidArgument(`invalid value of builder.entitlements.${name}: ${JSON.stringify(value)}`);
  };
  return {
    networkHost: of("network-host", true),
    securityInsecure: of("security-insecure", false),
    devices: of("device", true),
  };
}

function transferSettings(config: DaemonConfig): EngineSettings["transfer"] {
  const environment = proxiesOfEnvironment(process.env);
  return {
    mirrors: config.registryMirrors,
    registryMirrors: config.mirrors,
    insecureRegistries: config.insecureRegistries,
    certsDir: config.registryCertsDir || undefined,
    proxies: {
      httpProxy: config.httpProxy || environment.httpProxy,
      httpsProxy: config.httpsProxy || environment.httpsProxy,
      noProxy: config.noProxy || environment.noProxy,
    },
    maxConcurrentDownloads: config.maxConcurrentDownloads,
    maxConcurrentUploads: config.maxConcurrentUploads,
    maxDownloadAttempts: config.maxDownloadAttempts,
  };
}

function networkSettings(config: DaemonConfig): EngineSettings["network"] {
  return {
    ...(config.bridge && { bridge: config.bridge }),
    ...(config.bip && { bip: config.bip }),
    ...(config.fixedCidr && { fixedCidr: config.fixedCidr }),
    ...(config.defaultGateway && { defaultGateway: config.defaultGateway }),
    ...(config.defaultGateway6 && { defaultGateway6: config.defaultGateway6 }),
    ...(config.bip6 && { bip6: config.bip6 }),
    ...(config.fixedCidr6 && { fixedCidr6: config.fixedCidr6 }),
    ...(config.mtu > 0 && { mtu: config.mtu }),
    ipv6: config.ipv6,
    ip6tables: config.ip6tables,
    defaultOptions: config.defaultNetworkOpts,
    ...(config.ip !== "0.0.0.0" && { ip: config.ip }),
    icc: config.icc,
    ipForward: config.ipForward,
    ipMasq: config.ipMasq,
    iptables: config.iptables,
    ...(config.defaultAddressPools.length > 0 && {
      defaultAddressPools: config.defaultAddressPools.map(({ base = "", size = 0 }) => ({ base, size })),
    }),
  };
}

function cgroupnsMode(mode: string): EngineSettings["cgroupns"] {
  return mode === "host" || mode === "private" ? mode : undefined;
}

function securityDefaults({
  noNewPrivileges,
  seccompProfile,
}: DaemonConfig): EngineSettings["securityDefaults"] {
  const isName = seccompProfile === "builtin" || seccompProfile === "unconfined";
  const seccomp = isName || seccompProfile === "" ? seccompProfile : readFileSync(seccompProfile, "utf8");
  return { noNewPrivileges, ...(seccomp !== "" && { seccomp }) };
}

function runtimeSettings(config: DaemonConfig): EngineSettings["runtimes"] {
  return {
    ...(config.defaultRuntime && { defaultRuntime: config.defaultRuntime }),
    added: Object.fromEntries(
      Object.entries(config.runtimes).map(([name, runtime]) => [name, runtimeOptions(runtime)]),
    ),
  };
}

/** This program under another of its names, which stands beside it or is its first argument. */
function commandOf(name: string): string[] {
  const main = process.argv[1] ?? "";
  const compiled = main.startsWith("/$bunfs/");
  if (!compiled) return [process.execPath, main, name];
  const sibling = join(dirname(process.execPath), name);
  return existsSync(sibling) ? [sibling] : [process.execPath, name];
}

function runtimeOptions(runtime: DaemonConfig["runtimes"][string]): { path?: string; arguments?: string[] } {
  const { path, runtimeArgs } = { runtimeArgs: undefined, ...runtime };
  return { ...(path && { path }), ...(runtimeArgs && { arguments: runtimeArgs }) };
}
