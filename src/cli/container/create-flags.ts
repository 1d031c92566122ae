import { goDuration } from "../../base/units.ts";
import { type Flag, flag } from "../flags.ts";
import {
  checkAttach,
  checkEnv,
  checkExtraHost,
  checkIp,
  checkLabel,
  checkLink,
  checkSearchDomain,
  checkSysctl,
} from "./checks.ts";
import { bytesFlag, cpusFlag, mapFlag } from "./flag-types.ts";
import { parseGpus } from "./gpus.ts";
import { parseThrottle, parseUlimit, parseWeightDevice } from "./limits.ts";
import { parseMountFlag } from "./mounts.ts";
import { parseNetworkFlag } from "./networks.ts";

const duration = (help: string, since?: string): Flag<number> =>
  flag.custom("duration", help, 0, goDuration, { initialText: "0s", ...(since ? { since } : {}) });

const many = <T>(
  type: string,
  help: string,
  parse: (text: string) => T,
  initialText?: string,
): Flag<readonly T[]> =>
  flag.custom<readonly T[]>(
    type,
    help,
    [],
    (text, before) => [...before, parse(text)],
    initialText === undefined ? {} : { initialText },
  );

/** The flags that say what a new container is: `create` and `run` have all of them. */
export const createFlags = {
  "add-host": flag.list("Add a line to the container's hosts file (name:address)", { check: checkExtraHost }),
  annotation: mapFlag("Pass a key and value on to the OCI runtime", { since: "1.43" }),
  attach: flag.list("Stream to connect to: STDIN, STDOUT or STDERR", { short: "a", check: checkAttach }),
  "blkio-weight": {
    ...flag.uint16("Share of disk input and output, from 10 to 1000 (0: not set)"),
    initialText: "0",
  },
  "blkio-weight-device": many("list", "Share of one device's input and output", parseWeightDevice, "[]"),
  "cap-add": flag.list("Give a Linux capability"),
  "cap-drop": flag.list("Take a Linux capability away"),
  "cgroup-parent": flag.string("Control group to put the container's own below"),
  cgroupns: flag.string(
    "Control group namespace: 'host' for the machine's, 'private' for one of its own, '' for what the daemon has by default",
    { since: "1.41" },
  ),
  cidfile: flag.string("File to write the container's ID to"),
  "cpu-count": flag.int("Number of processors (Windows only)", { windows: true }),
  "cpu-percent": flag.int("Share of the processors in percent (Windows only)", { windows: true }),
  "cpu-period": flag.int("Length of a period of the fair scheduler in microseconds"),
  "cpu-quota": flag.int("Processor time in a period of the fair scheduler in microseconds"),
  "cpu-rt-period": flag.int("Length of a real-time period in microseconds", { since: "1.25" }),
  "cpu-rt-runtime": flag.int("Real-time processor time in a period in microseconds", { since: "1.25" }),
  "cpu-shares": flag.int("Share of processor time, against other containers", { short: "c" }),
  cpus: cpusFlag("Number of processors", { since: "1.25" }),
  "cpuset-cpus": flag.string("Processors to run on (0-3, 0,1)"),
  "cpuset-mems": flag.string("Memory nodes to use (0-3, 0,1)"),
  device: flag.list("Give a device of the machine"),
  "device-cgroup-rule": flag.list("Add a rule to the devices that the control group allows", {
    check: (text) => {
      if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(text)) {
        throw new Error(`invalid device cgroup format '${text}'`);
      }
      return text;
    },
  }),
  "device-read-bps": many(
    "list",
    "Most bytes a second read from a device",
    (t) => parseThrottle(t, true),
    "[]",
  ),
  "device-read-iops": many("list", "Most reads a second from a device", (t) => parseThrottle(t, false), "[]"),
  "device-write-bps": many(
    "list",
    "Most bytes a second written to a device",
    (t) => parseThrottle(t, true),
    "[]",
  ),
  "device-write-iops": many("list", "Most writes a second to a device", (t) => parseThrottle(t, false), "[]"),
  "disable-content-trust": flag.bool("Do not check the image's signature", { initial: true }),
  dns: flag.list("Address of a name server", { check: checkIp }),
  "dns-opt": flag.list("Option of the resolver", { hidden: true, aliasOf: "dns-option" }),
  "dns-option": flag.list("Option of the resolver"),
  "dns-search": flag.list("Domain to look short names up in", { check: checkSearchDomain }),
  domainname: flag.string("NIS domain name"),
  entrypoint: flag.string("Program to run in place of the image's entry point"),
  env: flag.list("Set an environment variable", { short: "e", check: checkEnv }),
  "env-file": flag.list("File with environment variables to set"),
  expose: flag.list("Port, or range of ports, that the container listens on"),
  gpus: flag.custom("gpu-request", "Graphics processors to give ('all' for every one)", [], parseGpus, {
    since: "1.40",
  }),
  "group-add": flag.list("Further group of the user"),
  "health-cmd": flag.string("Command that tells whether the container is well"),
  "health-interval": duration("Time between two checks of health (ms|s|m|h)"),
  "health-on-failure": flag.string(
    "What to do when the container becomes unhealthy (none|kill|restart|stop)",
  ),
  "health-retries": flag.int("Checks that fail in a row until the container counts as unhealthy"),
  "health-start-interval": duration("Time between two checks while the container starts (ms|s|m|h)", "1.44"),
  "health-start-period": duration("Time to start in, when checks that fail do not count (ms|s|m|h)", "1.29"),
  "health-timeout": duration("Longest time that one check may take (ms|s|m|h)"),
  hostname: flag.string("Host name of the container", { short: "h" }),
  init: flag.bool("Run a small init as the first process: it passes signals on and reaps processes", {
    since: "1.25",
  }),
  interactive: flag.bool("Keep standard input open, attached or not", { short: "i" }),
  "io-maxbandwidth": bytesFlag("Most bytes a second for the system drive (Windows only)", {
    windows: true,
  }),
  "io-maxiops": flag.uint("Most operations a second for the system drive (Windows only)", { windows: true }),
  ip: flag.string("IPv4 address (172.30.100.104)"),
  ip6: flag.string("IPv6 address (2001:db8::33)"),
  ipc: flag.string("IPC namespace to use"),
  isolation: flag.string("How the container is isolated"),
  "kernel-memory": bytesFlag("Most kernel memory"),
  label: flag.list("Set a label", { short: "l", check: checkLabel }),
  "label-file": flag.list("File with labels, one a line"),
  link: flag.list("Make another container known by name", { check: checkLink }),
  "link-local-ip": flag.list("Link-local address", { check: checkIp }),
  "log-driver": flag.string("What keeps the container's output"),
  "log-opt": flag.list("Option of the log driver"),
  "mac-address": flag.string("MAC address (92:d0:c6:0a:29:33)"),
  memory: bytesFlag("Most memory", { short: "m" }),
  "memory-reservation": bytesFlag("Memory to shrink to when the machine runs short"),
  "memory-swap": bytesFlag("Most memory and swap together: '-1' for any amount of swap", { minusOne: true }),
  "memory-swappiness": flag.int("How readily memory is swapped out (0 to 100)", { initial: -1 }),
  mount: many("mount", "Mount a folder, a volume or a memory file system", parseMountFlag),
  name: flag.string("Name of the container"),
  net: flag.custom("network", "Network to connect to", [], parseNetworkFlag, {
    hidden: true,
    aliasOf: "network",
  }),
  "net-alias": flag.list("Further name in the network", { hidden: true, aliasOf: "network-alias" }),
  network: flag.custom("network", "Network to connect to", [], parseNetworkFlag),
  "network-alias": flag.list("Further name in the network"),
  "no-healthcheck": flag.bool("Do without the image's check of health"),
  "oom-kill-disable": flag.bool("Do not end processes when memory runs out"),
  "oom-score-adj": flag.int(
    "How readily the kernel ends this container when memory runs out (-1000 to 1000)",
  ),
  pid: flag.string("Process namespace to use"),
  "pids-limit": flag.int("Most processes (-1: any number)"),
  platform: flag.string("Platform of the image, where the daemon has several", { since: "1.32" }),
  privileged: flag.bool("Give all rights over the machine"),
  publish: flag.list("Make a port reachable from outside", { short: "p" }),
  "publish-all": flag.bool("Make all exposed ports reachable from outside, at ports that are free", {
    short: "P",
  }),
  pull: flag.string('When to fetch the image ("always", "missing", "never")', { initial: "missing" }),
  quiet: flag.bool("Do not show how the image is fetched", { short: "q" }),
  "read-only": flag.bool("Mount the root file system read-only"),
  restart: flag.string("When to start the container again after it ended", { initial: "no" }),
  rm: flag.bool("Remove the container and its anonymous volumes when it ends"),
  runtime: flag.string("OCI runtime to use"),
  "security-opt": flag.list("Security option"),
  "shm-size": bytesFlag("Size of /dev/shm"),
  "stop-signal": flag.string("Signal that asks the container to end"),
  "stop-timeout": flag.int("Seconds that it may take to end", { since: "1.25" }),
  "storage-opt": flag.list("Option of the storage driver"),
  sysctl: mapFlag("Kernel parameter to set", { check: checkSysctl }),
  tmpfs: flag.list("Mount a memory file system"),
  tty: flag.bool("Give the container a terminal", { short: "t" }),
  ulimit: flag.custom("ulimit", "Limit of a resource (name=soft:hard)", new Map(), parseUlimit, {
    initialText: "[]",
  }),
  "use-api-socket": flag.bool("Give the daemon's socket, and credentials for registries, to the container"),
  user: flag.string("User to run as (<name|uid>[:<group|gid>])", { short: "u" }),
  userns: flag.string("User namespace to use"),
  uts: flag.string("UTS namespace to use"),
  volume: flag.list("Mount a folder or a volume", { short: "v" }),
  "volume-driver": flag.string("Driver of the container's volumes"),
  "volumes-from": flag.list("Mount what other containers have mounted"),
  workdir: flag.string("Working directory", { short: "w" }),
};

export type CreateFlags = typeof createFlags;
