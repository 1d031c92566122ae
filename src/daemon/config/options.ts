import { Ulimit } from "../../api/host-config.ts";
import { any, type Infer, list, map, string } from "../../api/schema.ts";
import { invalidArgument } from "../../base/errors.ts";
import { logLevels } from "../../base/log.ts";
import { type MirrorSettings, Mirrors, validateMirror } from "../../distribution/mirrors.ts";
import { ProxyRules } from "../../distribution/proxies.ts";
import { parseListenAddress } from "./listen-address.ts";
import {
  AddressPool,
  boolOption,
  bytesOption,
  checkIp,
  checkLabel,
  intOption,
  listOption,
  mapOption,
  type Option,
  ownOption,
  RuntimeConfig,
  stringOption,
} from "./option.ts";
import { parseAddressPool, parseRuntime, parseUlimit } from "./values.ts";

const ip = { placeholder: "ip", check: (text: string) => (text === "" ? undefined : checkIp(text)) };

/** Every setting, by its name in `DaemonConfig`. Flags, keys and defaults are Docker's. */
export const options = {
  debug: boolOption("debug", "Enable debug mode", { short: "D" }),
  hosts: listOption("host", "Address to listen on", {
    key: "hosts",
    short: "H",
    checkItem: (text) => void parseListenAddress(text, false),
  }),
  group: stringOption("group", "Group that may use the unix socket", { short: "G", initial: "docker" }),
  logLevel: stringOption(
    "log-level",
    `Least severe messages to log ("debug"|"info"|"warn"|"error"|"fatal")`,
    {
      short: "l",
      initial: "info",
      check: checkLogLevel,
    },
  ),
  logFormat: stringOption("log-format", `Form of log messages ("text"|"json")`, { initial: "text" }),
  rawLogs: boolOption("raw-logs", "Log full timestamps, without colours"),

  dataRoot: stringOption("data-root", "Directory of what persists", { initial: "/var/lib/docker" }),
  execRoot: stringOption("exec-root", "Directory of what lives while containers run", {
    initial: "/var/run/docker",
  }),
  pidfile: stringOption("pidfile", "File for the daemon's process id", {
    short: "p",
    initial: "/var/run/docker.pid",
  }),

  tls: boolOption("tls", "Use TLS; implied by --tlsverify"),
  tlsVerify: boolOption("tlsverify", "Use TLS, and ask clients for a certificate"),
  tlsCaCert: stringOption("tlscacert", "CA whose certificates clients must have (default ~/.docker/ca.pem)"),
  tlsCert: stringOption("tlscert", "Certificate of the daemon (default ~/.docker/cert.pem)"),
  tlsKey: stringOption("tlskey", "Key of the daemon's certificate (default ~/.docker/key.pem)"),

  bridge: stringOption("bridge", "Bridge to attach containers to, or none", { short: "b" }),
  bip: stringOption("bip", "Address and prefix of the bridge"),
  bip6: stringOption("bip6", "IPv6 address and prefix of the bridge"),
  fixedCidr: stringOption("fixed-cidr", "IPv4 subnet for addresses of containers"),
  fixedCidr6: stringOption("fixed-cidr-v6", "IPv6 subnet for addresses of containers"),
  defaultGateway: stringOption("default-gateway", "IPv4 gateway of containers", ip),
  defaultGateway6: stringOption("default-gateway-v6", "IPv6 gateway of containers", ip),
  defaultAddressPools: ownOption(
    "default-address-pool",
    "Subnets for new networks (base=<cidr>,size=<prefix length>)",
    "pool-options",
    [] as AddressPools,
    list(AddressPool),
    (text, before) => [...before, parseAddressPool(text)],
    { key: "default-address-pools" },
  ),
  defaultNetworkOpts: ownOption(
    "default-network-opt",
    "Options of new networks (driver=key=value)",
    "mapmap",
    {},
    map(map(string)),
    addNetworkOption,
    { key: "default-network-opts" },
  ),
  ip: stringOption("ip", "Address that ports are published on, where none is given", {
    ...ip,
    initial: "0.0.0.0",
  }),
  hostGatewayIps: listOption("host-gateway-ip", "Address that host-gateway in --add-host stands for", {
    key: "host-gateway-ips",
    checkItem: checkIp,
  }),
  icc: boolOption("icc", "Let containers of the default bridge reach each other", { initial: true }),
  ipForward: boolOption("ip-forward", "Enable forwarding of IP packets", { initial: true }),
  ipForwardNoDrop: boolOption("ip-forward-no-drop", "Do not set the forward policy to drop"),
  ipMasq: boolOption("ip-masq", "Masquerade packets of containers that leave the host", { initial: true }),
  iptables: boolOption("iptables", "Manage firewall rules", { initial: true }),
  ip6tables: boolOption("ip6tables", "Manage IPv6 firewall rules", { initial: true }),
  ipv6: boolOption("ipv6", "Give the default bridge IPv6"),
  allowDirectRouting: boolOption("allow-direct-routing", "Let other hosts reach unpublished ports"),
  firewallBackend: stringOption("firewall-backend", "Firewall to use"),
  mtu: intOption("mtu", "MTU of container networks"),
  networkControlPlaneMtu: intOption("network-control-plane-mtu", "MTU between daemons", { initial: 1500 }),
  userlandProxy: boolOption("userland-proxy", "Use a proxy for loopback traffic", { initial: true }),
  userlandProxyPath: stringOption("userland-proxy-path", "Path of the proxy"),
  dns: listOption("dns", "DNS server of containers", { checkItem: checkIp }),
  dnsOpts: listOption("dns-opt", "DNS option of containers", { key: "dns-opts" }),
  dnsSearch: listOption("dns-search", "DNS search domain of containers"),

  registryMirrors: listOption("registry-mirror", "Mirror of Docker Hub to prefer", {
    key: "registry-mirrors",
    checkItem: (text) => void validateMirror(text),
  }),
  /** Ours: mirrors of any registry, or of a part of it. See `distribution/mirrors.ts`. */
  mirrors: ownOption(undefined, "", "", {} as MirrorSettings, map(list(string)), (_, before) => before, {
    key: "mirrors",
    check: (value) => void new Mirrors(value),
  }),
  registryCertsDir: stringOption(
    "registry-certs-dir",
    "Directory of registries' certificates, before /etc/docker/certs.d",
  ),
  insecureRegistries: listOption("insecure-registry", "Registry to use without verified TLS", {
    key: "insecure-registries",
  }),
  keepLayerBlobs: boolOption(
    "keep-layer-blobs",
    "Keep layers as they were downloaded, beside what is unpacked of them",
    { initial: true },
  ),
  maxConcurrentDownloads: intOption("max-concurrent-downloads", "Layers of a pull to fetch at once", {
    initial: 3,
  }),
  maxConcurrentUploads: intOption("max-concurrent-uploads", "Layers of a push to send at once", {
    initial: 5,
  }),
  maxDownloadAttempts: intOption("max-download-attempts", "How often to try a download", { initial: 5 }),
  httpProxy: stringOption("http-proxy", "Proxy for outgoing HTTP", { check: checkProxy }),
  httpsProxy: stringOption("https-proxy", "Proxy for outgoing HTTPS", { check: checkProxy }),
  noProxy: stringOption("no-proxy", "Hosts that are reached without a proxy"),

  storageDriver: stringOption("storage-driver", "Storage driver", { short: "s" }),
  storageOpts: listOption("storage-opt", "Option of the storage driver", { key: "storage-opts" }),
  logDriver: stringOption("log-driver", "Log driver of containers", { initial: "json-file" }),
  logOpts: mapOption("log-opt", "Option of the log driver of containers", { key: "log-opts" }),
  defaultRuntime: stringOption("default-runtime", "OCI runtime of containers (default crun, then runc)"),
  runtimes: ownOption(
    "add-runtime",
    "Further OCI runtime (name=path)",
    "runtime",
    {} as Runtimes,
    map(RuntimeConfig),
    (text, before) => ({ ...before, ...parseRuntime(text) }),
    { key: "runtimes", mayRepeat: true },
  ),
  defaultUlimits: ownOption(
    "default-ulimit",
    "Ulimit of containers (name=soft[:hard])",
    "ulimit",
    {} as Ulimits,
    map(Ulimit),
    (text, before) => ({ ...before, ...parseUlimit(text) }),
    { key: "default-ulimits" },
  ),
  defaultShmSize: bytesOption("default-shm-size", "Size of /dev/shm in containers", {
    initial: 64 * 1024 * 1024,
  }),
  defaultIpcMode: stringOption("default-ipc-mode", `IPC mode of containers ("shareable"|"private")`, {
    initial: "private",
  }),
  defaultCgroupnsMode: stringOption(
    "default-cgroupns-mode",
    `Cgroup namespace of containers ("host"|"private")`,
  ),
  cgroupParent: stringOption("cgroup-parent", "Parent cgroup of containers"),
  execOpts: listOption("exec-opt", "Option of the runtime (native.cgroupdriver=…)", { key: "exec-opts" }),
  init: boolOption("init", "Run an init in containers that forwards signals and reaps"),
  initPath: stringOption("init-path", "Path of that init"),
  noNewPrivileges: boolOption("no-new-privileges", "Containers cannot gain privileges"),
  seccompProfile: stringOption("seccomp-profile", "File of the default seccomp profile"),
  cdiSpecDirs: listOption("cdi-spec-dir", "Directory of CDI specifications", { key: "cdi-spec-dirs" }),
  labels: listOption("label", "Label of the daemon (key=value)", { key: "labels", checkItem: checkLabel }),
  experimental: boolOption("experimental", "Enable experimental features"),
  features: ownOption("feature", "Feature to switch on (name[=false])", "map", {}, map(any), addFeature, {
    key: "features",
  }),
  liveRestore: boolOption("live-restore", "Accepted; containers always outlive the daemon"),
  shutdownTimeout: intOption("shutdown-timeout", "Seconds that containers get when the daemon ends them", {
    initial: 15,
  }),
  metricsAddr: stringOption("metrics-addr", "Address of the metrics API"),
  containerd: stringOption("containerd", "Accepted; there is no containerd"),
  builder: ownOption(undefined, "", "", {}, map(any), (_, before) => before, { key: "builder" }),
  minApiVersion: stringOption(undefined, "", { key: "min-api-version" }),
  usernsRemap: stringOption(
    "userns-remap",
    "User or group whose subordinate ids containers get (or: default)",
  ),
  /** Features that are refused: see `refuse` in `check.ts`. */
  authorizationPlugins: listOption("authorization-plugin", "Authorization plugin (not supported)", {
    key: "authorization-plugins",
  }),
  selinuxEnabled: boolOption("selinux-enabled", "Enable SELinux (not supported where the host has it)"),
  rootless: boolOption("rootless", "Run without root (not supported)", { key: undefined }),

  configFile: stringOption("config-file", "Configuration file", {
    key: undefined,
    initial: "/etc/docker/daemon.json",
  }),
  validate: boolOption("validate", "Check flags and configuration file, and exit", { key: undefined }),
  verify: boolOption("verify", "Check the image store, mend it, and exit; no daemon may run", {
    key: undefined,
  }),
  version: boolOption("version", "Print the version and exit", { key: undefined, short: "v" }),
  help: boolOption("help", "Print this and exit", { key: undefined, short: "h" }),
} as const;

type Runtimes = Record<string, Infer<typeof RuntimeConfig>>;
type AddressPools = Infer<typeof AddressPool>[];
type Ulimits = Record<string, Ulimit>;
type NetworkOptions = Record<string, Record<string, string>>;

export type OptionName = keyof typeof options;
/** What the daemon was told, with defaults in place of what it was not. */
export type DaemonConfig = {
  readonly [Name in OptionName]: (typeof options)[Name] extends Option<infer T> ? T : never;
};

function checkProxy(text: string): void {
  void new ProxyRules({ httpProxy: text, httpsProxy: "", noProxy: "" });
}

function checkLogLevel(text: string): void {
  if (!(logLevels as readonly string[]).includes(text))
    throw invalidArgument(`invalid logging level: ${text}`);
}

function addFeature(text: string, before: Record<string, unknown>): Record<string, unknown> {
  const [name = "", value = "true"] = text.split("=");
  if (value !== "true" && value !== "false") throw invalidArgument(`invalid feature: ${text}`);
  return { ...before, [name]: value === "true" };
}

function addNetworkOption(text: string, before: NetworkOptions): NetworkOptions {
  const [driver = "", key = "", ...value] = text.split("=");
  if (driver === "" || key === "" || value.length === 0) {
    throw invalidArgument(`invalid key value pair format: ${text}`);
  }
  return { ...before, [driver]: { ...before[driver], [key]: value.join("=") } };
}
