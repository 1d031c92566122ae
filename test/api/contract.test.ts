import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ContainerCreateRequest,
  EndpointIPAMConfig,
  EndpointSettings,
  HealthConfig,
  HostConfig,
  Mount,
} from "../../src/api/containers.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { cgroupsNamed } from "../harness/leftovers.ts";
import { ask } from "./ask.ts";

/*
 * Every field that `POST /containers/create` takes, by its name in the published description of the API: what it is given,
 * and where it is seen to hold. A field that is not in these tables, or is there and not in the schema, is an error.
 */

type Json = Record<string, unknown>;

/** What can be looked at. */
interface Seen {
  inspect: Json & { HostConfig: Json; Config: Json; State: Json; NetworkSettings: Json; Mounts: Json[] };
  /** The runtime's config.json. */
  spec: Json & { process: Json; linux: Json; mounts: Json[] };
  /** What a shell in the container prints. */
  sh(script: string): Promise<string>;
  id: string;
}

interface Row {
  give: unknown;
  /** What else the request has to say. */
  with?: Json;
  /** In inspect, where that is not what was given. */
  shown?: unknown;
  /** What the kernel, the runtime or the daemon has of it. */
  holds?: [what: (seen: Seen) => unknown, expected: unknown];
  /** Refused at the create or the start, or warned of. */
  refused?: string;
  warned?: string;
  /** Why there is nothing to see but what inspect says. */
  noted?: string;
}

const cgroupParent = `/longshore-contract-${globalThis.process.pid}`;
let daemon: TestDaemon;
let peer: string;
/** Of a runtime that writes down how it is called. */
let folder: string;

const sh =
  (script: string) =>
  ({ sh }: Seen) =>
    sh(script);
const process =
  (name: string) =>
  ({ spec }: Seen) =>
    spec.process[name];
const linux =
  (...path: string[]) =>
  ({ spec }: Seen) =>
    path.reduce<unknown>((value, name) => (value as Json | undefined)?.[name], spec.linux);
const namespace =
  (type: string) =>
  ({ spec }: Seen) =>
    (spec.linux.namespaces as Json[]).find((one) => one.type === type) ?? "the host's";
const device = (path: string) => existsSync(path);
const disk = ["/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/loop0"].find(device) ?? "/dev/loop0";
const throttle = (name: string): Row => ({
  give: [{ Path: disk, Rate: 1_000_000 }],
  holds: [
    (seen) => (linux("resources", "blockIO", name)(seen) as Json[] | undefined)?.map(({ rate }) => rate),
    [1_000_000],
  ],
});

/** Kernels without a scheduler that knows weights discard them, with a warning. */
const hasWeights = ["blkio.weight", "blkio.bfq.weight"].some((name) =>
  device(`/sys/fs/cgroup/blkio/${name}`),
);
const isUnified = device("/sys/fs/cgroup/cgroup.controllers");
const weight = (give: unknown): Row =>
  hasWeights || isUnified
    ? { give, refused: "Range of blkio weight is from 10 to 1000" }
    : {
        give,
        shown: Array.isArray(give) ? expect.anything() : 0,
        warned: "Your kernel does not support Block I/O weight",
      };

const hostRows: Record<string, Row> = {
  Binds: { give: ["/tmp:/bound:ro"], holds: [sh("grep -c ' /bound ro,' /proc/self/mountinfo"), "1"] },
  ContainerIDFile: { give: "/run/cid", noted: "the client's own file" },
  LogConfig: {
    give: { Type: "json-file", Config: { "max-size": "5k" } },
    holds: [({ inspect }) => String(inspect.LogPath).endsWith("-json.log"), true],
  },
  NetworkMode: { give: "none", holds: [sh("ls /sys/class/net"), "lo"] },
  PortBindings: {
    give: { "81/tcp": [{ HostIp: "127.0.0.1", HostPort: "0" }] },
    with: { ExposedPorts: { "81/tcp": {} } },
    holds: [({ inspect }) => Object.keys(inspect.NetworkSettings.Ports as Json), ["81/tcp"]],
  },
  RestartPolicy: {
    give: { Name: "on-failure", MaximumRetryCount: 1 },
    with: { Cmd: ["false"] },
    holds: [
      async ({ id }) => (await daemon.must("wait", id)) && daemon.inspect(id, "{{.RestartCount}}"),
      "1",
    ],
  },
  AutoRemove: {
    give: true,
    holds: [
      async ({ id }) => {
        await daemon.must("stop", "-t", "0", id);
        return (await daemon.docker("inspect", id)).code;
      },
      1,
    ],
  },
  VolumeDriver: {
    give: "local",
    with: { Volumes: { "/v": {} } },
    holds: [({ inspect }) => inspect.Mounts[0]?.Driver, "local"],
  },
  VolumesFrom: { give: ["peer"], holds: [sh("ls /shared"), "file"] },
  ConsoleSize: {
    give: [33, 77],
    with: { Tty: true },
    holds: [process("consoleSize"), { height: 33, width: 77 }],
  },
  Annotations: { give: { key: "value" }, holds: [({ spec }) => (spec.annotations as Json).key, "value"] },
  CapAdd: {
    give: ["CAP_SYS_TIME"],
    holds: [
      (seen) => ((process("capabilities")(seen) as Json).bounding as string[]).includes("CAP_SYS_TIME"),
      true,
    ],
  },
  CapDrop: {
    give: ["CAP_CHOWN"],
    holds: [
      (seen) => ((process("capabilities")(seen) as Json).bounding as string[]).includes("CAP_CHOWN"),
      false,
    ],
  },
  CgroupnsMode: { give: "private", holds: [namespace("cgroup"), { type: "cgroup" }] },
  Dns: { give: ["192.0.2.7"], holds: [sh("grep nameserver /etc/resolv.conf"), "nameserver 192.0.2.7"] },
  DnsOptions: { give: ["ndots:7"], holds: [sh("grep -o ndots:7 /etc/resolv.conf"), "ndots:7"] },
  DnsSearch: { give: ["x.test"], holds: [sh("grep search /etc/resolv.conf"), "search x.test"] },
  ExtraHosts: {
    give: ["far:192.0.2.8"],
    holds: [sh("grep far /etc/hosts | tr '\\t' ' '"), "192.0.2.8 far"],
  },
  GroupAdd: {
    give: ["777"],
    holds: [(seen) => ((process("user")(seen) as Json).additionalGids as number[]).includes(777), true],
  },
  IpcMode: {
    give: "shareable",
    holds: [({ spec }) => spec.mounts.find((one) => one.destination === "/dev/shm")?.type, "bind"],
  },
  Cgroup: { give: "", noted: "of old links; Docker makes nothing of it" },
  Links: {
    give: ["peer:friend"],
    shown: ["/peer:/contract-Links/friend"],
    holds: [sh("grep -c friend /etc/hosts"), "1"],
  },
  OomScoreAdj: { give: 500, holds: [sh("cat /proc/1/oom_score_adj"), "500"] },
  PidMode: { give: "host", holds: [namespace("pid"), "the host's"] },
  Privileged: { give: true, holds: [sh("test -e /dev/kmsg && echo yes"), "yes"] },
  PublishAllPorts: {
    give: true,
    with: { ExposedPorts: { "82/tcp": {} } },
    holds: [({ inspect }) => (inspect.NetworkSettings.Ports as Record<string, []>)["82/tcp"] !== null, true],
  },
  ReadonlyRootfs: { give: true, holds: [sh("touch /x 2>&1"), "touch: /x: Read-only file system"] },
  SecurityOpt: {
    give: ["no-new-privileges", "seccomp=unconfined"],
    holds: [({ spec }) => [spec.process.noNewPrivileges, spec.linux.seccomp], [true, undefined]],
  },
  StorageOpt: { give: { size: "1g" }, refused: "--storage-opt is supported only for overlay over xfs" },
  Tmpfs: { give: { "/t": "size=64k" }, holds: [sh("df -k /t | awk 'END {print $2}'"), "64"] },
  UTSMode: { give: "host", holds: [namespace("uts"), "the host's"] },
  UsernsMode: { give: "host", holds: [namespace("user"), "the host's"] },
  ShmSize: { give: 65536, holds: [sh("df -k /dev/shm | awk 'END {print $2}'"), "64"] },
  Sysctls: {
    give: { "net.core.somaxconn": "99" },
    holds: [sh("cat /proc/sys/net/core/somaxconn"), "99"],
  },
  Runtime: {
    give: "witness",
    holds: [({ id }) => readFileSync(join(folder, "calls"), "utf8").includes(id), true],
  },
  Isolation: { give: "hyperv", refused: `Invalid isolation: "hyperv" - linux only supports 'default'` },
  CpuShares: { give: 300, holds: [linux("resources", "cpu", "shares"), 300] },
  Memory: { give: 64 * 2 ** 20, holds: [linux("resources", "memory", "limit"), 64 * 2 ** 20] },
  NanoCpus: { give: 500_000_000, holds: [linux("resources", "cpu", "quota"), 50_000] },
  CgroupParent: {
    give: cgroupParent,
    holds: [linux("cgroupsPath"), expect.stringContaining(`${cgroupParent}/`)],
  },
  BlkioWeight: weight(5),
  BlkioWeightDevice: weight([{ Path: disk, Weight: 5 }]),
  BlkioDeviceReadBps: throttle("throttleReadBpsDevice"),
  BlkioDeviceWriteBps: throttle("throttleWriteBpsDevice"),
  BlkioDeviceReadIOps: throttle("throttleReadIOPSDevice"),
  BlkioDeviceWriteIOps: throttle("throttleWriteIOPSDevice"),
  CpuPeriod: { give: 50_000, holds: [linux("resources", "cpu", "period"), 50_000] },
  CpuQuota: { give: 20_000, holds: [linux("resources", "cpu", "quota"), 20_000] },
  CpuRealtimePeriod: {
    give: 1000,
    with: { HostConfig: { CpuRealtimeRuntime: 2000 } },
    refused: "cpu real-time runtime cannot be higher than cpu real-time period",
  },
  CpuRealtimeRuntime: {
    give: 2_000_000,
    with: { HostConfig: { CpuRealtimePeriod: 1_000_000 } },
    refused: "cpu real-time runtime cannot be higher than cpu real-time period",
  },
  CpusetCpus: { give: "0", holds: [linux("resources", "cpu", "cpus"), "0"] },
  CpusetMems: { give: "0", holds: [linux("resources", "cpu", "mems"), "0"] },
  Devices: {
    give: [{ PathOnHost: "/dev/null", PathInContainer: "/dev/mine", CgroupPermissions: "rwm" }],
    holds: [sh("test -c /dev/mine && echo yes"), "yes"],
  },
  DeviceCgroupRules: {
    give: ["c 42:7 r"],
    holds: [
      (seen) =>
        (linux("resources", "devices")(seen) as Json[]).some(
          ({ major, minor }) => major === 42 && minor === 7,
        ),
      true,
    ],
  },
  DeviceRequests: {
    give: [{ Driver: "cdi", Count: 0, DeviceIDs: ["x.test/y=z"], Capabilities: [], Options: {} }],
    refused: "x.test/y=z",
  },
  KernelMemory: { give: 8 * 2 ** 20, shown: undefined, warned: "kernel memory limit" },
  KernelMemoryTCP: { give: 8 * 2 ** 20, shown: undefined, warned: "kernel memory TCP limit" },
  MemoryReservation: {
    give: 32 * 2 ** 20,
    holds: [linux("resources", "memory", "reservation"), 32 * 2 ** 20],
  },
  MemorySwap: {
    give: 128 * 2 ** 20,
    with: { HostConfig: { Memory: 64 * 2 ** 20 } },
    holds: [linux("resources", "memory", "swap"), 128 * 2 ** 20],
  },
  MemorySwappiness: { give: 101, refused: "valid memory swappiness range is 0-100" },
  OomKillDisable: { give: false, noted: "nothing to switch off", shown: false },
  PidsLimit: { give: 50, holds: [linux("resources", "pids", "limit"), 50] },
  Ulimits: {
    give: [{ Name: "nofile", Hard: 200, Soft: 100 }],
    holds: [sh("ulimit -n; ulimit -Hn"), "100\n200"],
  },
  CpuCount: { give: 1, shown: 0, warned: "CPU count" },
  CpuPercent: { give: 5, shown: 0, warned: "CPU percent" },
  IOMaximumIOps: { give: 5, refused: "linux does not support configuration of maximum IOPs" },
  IOMaximumBandwidth: { give: 5, refused: "linux does not support configuration of maximum bandwidth" },
  Mounts: {
    give: [{ Type: "tmpfs", Target: "/m" }],
    holds: [({ inspect }) => inspect.Mounts[0]?.Destination, "/m"],
  },
  MaskedPaths: { give: ["/proc/uptime"], holds: [sh("cat /proc/uptime"), ""] },
  ReadonlyPaths: { give: ["/proc/irq"], holds: [linux("readonlyPaths"), ["/proc/irq"]] },
  Init: { give: true, holds: [sh("cat /proc/1/comm"), "docker-init"] },
  HealthOnFailure: {
    give: "kill",
    with: { Healthcheck: { Test: ["CMD", "false"], Interval: 1_000_000, Retries: 1 } },
    holds: [({ id }) => daemon.must("wait", id), "137"],
  },
};

const configRows: Record<string, Row> = {
  Hostname: { give: "harbour", holds: [sh("hostname"), "harbour"] },
  Domainname: { give: "x.test", holds: [sh("cat /proc/sys/kernel/domainname"), "x.test"] },
  User: { give: "12:34", holds: [sh("id -u; id -g"), "12\n34"] },
  AttachStdin: { give: true, noted: "what the client that made it is connected to" },
  AttachStdout: { give: true, noted: "the same" },
  AttachStderr: { give: true, noted: "the same" },
  ExposedPorts: {
    give: { "83/udp": {} },
    holds: [({ inspect }) => Object.keys(inspect.NetworkSettings.Ports as Json), ["83/udp"]],
  },
  Tty: { give: true, holds: [process("terminal"), true] },
  OpenStdin: { give: true, holds: [sh("readlink /proc/1/fd/0 | grep -c null"), "0"] },
  StdinOnce: { give: true, with: { OpenStdin: true }, noted: "shown by the tests of attach" },
  Env: {
    give: ["A=b"],
    shown: expect.arrayContaining(["A=b"]),
    holds: [sh("echo $A"), "b"],
  },
  Cmd: { give: ["sleep", "999"], holds: [process("args"), ["sleep", "999"]] },
  Healthcheck: {
    give: { Test: ["CMD", "true"], Interval: 1_000_000_000 },
    holds: [
      ({ inspect }) => (inspect.State.Health as Json).Status,
      expect.stringMatching(/starting|healthy/),
    ],
  },
  ArgsEscaped: { give: true, noted: "of Windows; kept for images" },
  Image: { give: "busybox", holds: [({ inspect }) => String(inspect.Image).slice(0, 7), "sha256:"] },
  Volumes: { give: { "/data": {} }, holds: [({ inspect }) => inspect.Mounts[0]?.Type, "volume"] },
  WorkingDir: { give: "/where", holds: [process("cwd"), "/where"] },
  Entrypoint: { give: ["sleep"], with: { Cmd: ["998"] }, holds: [process("args"), ["sleep", "998"]] },
  NetworkDisabled: { give: true, holds: [sh("ls /sys/class/net"), "lo"] },
  MacAddress: {
    give: "02:42:ac:11:00:55",
    holds: [sh("cat /sys/class/net/eth0/address"), "02:42:ac:11:00:55"],
  },
  OnBuild: { give: ["RUN x"], noted: "for images that are made of it" },
  Labels: {
    give: { k: "v" },
    holds: [
      ({ id }) =>
        daemon.must("ps", "-q", "--no-trunc", "--filter", "label=k=v").then((found) => found === id),
      true,
    ],
  },
  StopSignal: {
    give: "SIGKILL",
    holds: [
      ({ id }) => daemon.must("stop", "-t", "60", id).then(() => daemon.inspect(id, "{{.State.ExitCode}}")),
      "137",
    ],
  },
  StopTimeout: {
    give: 0,
    holds: [({ id }) => daemon.must("stop", id).then(() => daemon.inspect(id, "{{.State.ExitCode}}")), "137"],
  },
  Shell: { give: ["/bin/ash", "-c"], noted: "what a health check's CMD-SHELL is run with" },
};

/** In a network that was made for it, of 10.123.45.0/24. */
const endpointRows: Record<string, Row> = {
  IPAMConfig: {
    give: { IPv4Address: "10.123.45.77" },
    holds: [sh("ip -4 -o address show eth0 | grep -o 10.123.45.77"), "10.123.45.77"],
  },
  Links: {
    give: ["neighbour:buddy"],
    holds: [sh("nslookup buddy 127.0.0.11 | grep -c 'Name:.*buddy'"), "1"],
  },
  Aliases: {
    give: ["nickname"],
    shown: expect.arrayContaining(["nickname"]),
    holds: [sh("nslookup nickname 127.0.0.11 | grep -c 'Name:.*nickname'"), "1"],
  },
  DriverOpts: {
    give: { "com.docker.network.endpoint.ifname": "mine0" },
    holds: [sh("ls /sys/class/net | grep mine0"), "mine0"],
  },
  GwPriority: {
    give: 5,
    noted: "one network has no other to be preferred to; shown by the tests of networks",
  },
  MacAddress: {
    give: "02:42:ac:11:00:66",
    holds: [sh("cat /sys/class/net/eth0/address"), "02:42:ac:11:00:66"],
  },
};
/** What comes of an endpoint: asking for it has no meaning. */
const answers = [
  "NetworkID",
  "EndpointID",
  "Gateway",
  "IPAddress",
  "IPPrefixLen",
  "IPv6Gateway",
  "GlobalIPv6Address",
  "GlobalIPv6PrefixLen",
  "DNSNames",
];

const names = (schema: object) => Object.keys((schema as { fields: object }).fields).sort();

test("no field is without a row, and no row without a field", () => {
  expect(Object.keys(hostRows).sort()).toEqual(names(HostConfig));
  const config = names(ContainerCreateRequest).filter(
    (name) => name !== "HostConfig" && name !== "NetworkingConfig",
  );
  expect(Object.keys(configRows).sort()).toEqual(config);
  expect([...Object.keys(endpointRows), ...answers].sort()).toEqual(names(EndpointSettings));
  // Shown by tests of their own: addresses by those of networks, checks by health.test.ts, mounts by test/volumes.
  expect(names(EndpointIPAMConfig)).toEqual(["IPv4Address", "IPv6Address", "LinkLocalIPs"]);
  expect(names(HealthConfig)).toEqual([
    "Interval",
    "Retries",
    "StartInterval",
    "StartPeriod",
    "Test",
    "Timeout",
  ]);
  expect(names(Mount)).toContain("TmpfsOptions");
});

describe("every field of create", () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "contract-"));
    const witness = join(folder, "witness");
    // crun works only where it sees one kind of cgroups; the daemon does this for those that it knows as crun.
    const hide = "umount /sys/fs/cgroup/unified 2> /dev/null; exec crun";
    const script = `#!/bin/sh\necho "$@" >> ${folder}/calls\nexec unshare -m sh -c '${hide} "$@"' sh "$@"\n`;
    writeFileSync(witness, script, { mode: 0o755 });
    daemon = await TestDaemon.start({ images: ["busybox"], flags: [`--add-runtime=witness=${witness}`] });
    await daemon.must("network", "create", "--subnet", "10.123.45.0/24", "own");
    peer = await daemon.must("run", "-d", "--name", "peer", "-v", "/shared", "busybox", "sleep", "1000");
    await daemon.must("exec", peer, "touch", "/shared/file");
    await daemon.must("run", "-d", "--name", "neighbour", "--network", "own", "busybox", "sleep", "1000");
  }, 60_000);
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
    // Docker leaves a parent that somebody named, and so do we.
    for (const group of cgroupsNamed(cgroupParent).toReversed()) rmdirSync(group);
  }, 60_000);

  test.each(Object.entries(hostRows))("HostConfig.%s", (name, row) =>
    check(name, row, { HostConfig: { [name]: row.give } }, ({ HostConfig }) => HostConfig[name]),
  );
  test.each(Object.entries(configRows))("%s", (name, row) =>
    check(name, row, { [name]: row.give }, ({ Config }) => Config[name]),
  );
  test.each(Object.entries(endpointRows))("NetworkingConfig.EndpointsConfig.%s", (name, row) =>
    check(
      name,
      row,
      {
        HostConfig: { NetworkMode: "own" },
        NetworkingConfig: { EndpointsConfig: { own: { [name]: row.give } } },
      },
      ({ NetworkSettings }) => (NetworkSettings.Networks as { own: Json }).own[name],
    ),
  );
});

async function check(
  name: string,
  row: Row,
  body: Json & { HostConfig?: Json },
  shown: (inspect: Seen["inspect"]) => unknown,
): Promise<void> {
  const more = (row.with ?? {}) as Json & { HostConfig?: Json };
  const created = await ask<Json>(daemon, "POST", `/containers/create?name=contract-${name}`, {
    Image: "busybox",
    Cmd: ["sleep", "1000"],
    ...more,
    ...body,
    HostConfig: { ...more.HostConfig, ...body.HostConfig },
  });
  const id = String(created.json.Id ?? "");
  try {
    const start = created.code === 201 ? await ask<Json>(daemon, "POST", `/containers/${id}/start`) : created;
    if (row.refused) {
      expect(start.code).toBeGreaterThanOrEqual(400);
      expect(start.json.message).toContain(row.refused);
      return;
    }
    expect({ code: start.code, ...start.json }).toEqual({ code: 204 });
    const warnings = created.json.Warnings as string[];
    if (row.warned) expect(warnings.join("\n")).toContain(row.warned);
    else expect(warnings).toEqual([]);
    await checkRunning(id, row, shown);
  } finally {
    if (id !== "") await daemon.docker("rm", "-f", "-v", id);
  }
}

async function checkRunning(
  id: string,
  row: Row,
  shown: (inspect: Seen["inspect"]) => unknown,
): Promise<void> {
  const { json } = await ask<Json>(daemon, "GET", `/containers/${id}/json`);
  const inspect = json as Seen["inspect"];
  expect(shown(inspect)).toEqual("shown" in row ? row.shown : row.give);
  if (!row.holds) {
    expect(row.noted ?? row.warned).toBeString();
    return;
  }
  const bundle = join(daemon.execRoot, "containers", id, "bundle/config.json");
  const spec = (existsSync(bundle) ? JSON.parse(readFileSync(bundle, "utf8")) : {}) as Seen["spec"];
  const shell = async (script: string) => (await daemon.docker("exec", id, "sh", "-c", script)).stdout.trim();
  const [what, expected] = row.holds;
  expect(await what({ inspect, spec, sh: shell, id })).toEqual(expected);
}
