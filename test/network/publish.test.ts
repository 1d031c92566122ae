import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readSysctl, writeSysctl } from "../../src/linux/sysctl.ts";
import type { Connection } from "../../src/network/types.ts";
import {
  ask,
  hostAddress,
  IsolatedHost,
  outsideAddress,
  request,
  serve,
  type TestDaemon,
} from "./isolated-host.ts";

const bridgeFilter = "net/bridge/bridge-nf-call-iptables";
let host: IsolatedHost;
let daemon: TestDaemon;
let web: Connection;
let other: Connection;
const servers: Disposable[] = [];

beforeAll(async () => {
  host = new IsolatedHost();
  daemon = host.daemon("one");
  await daemon.networks.start();
  await daemon.networks.reconcile([]);
  const portBindings = {
    "80/tcp": [{ HostIp: "", HostPort: "8080" }],
    "53/udp": [{ HostIp: "", HostPort: "5353" }],
    "81/tcp": [{ HostIp: "127.0.0.1", HostPort: "8081" }],
    "82/tcp": [{ HostIp: hostAddress, HostPort: "8082" }],
  };
  web = await daemon.networks.connect(request("web", { portBindings }));
  other = await daemon.networks.connect(request("other"));
  for (const port of [80, 81, 82, 83]) servers.push(serve(web.netnsPath, "tcp", port, `tcp ${port}`));
  servers.push(serve(web.netnsPath, "udp", 53, "udp 53"));
});

afterAll(async () => {
  for (const server of servers) server[Symbol.dispose]();
  for (const id of ["web", "other"]) await daemon.networks.release(id);
  await daemon.networks.shutdown();
  host[Symbol.dispose]();
});

const settings = readSysctl(bridgeFilter) === undefined ? ["absent"] : ["0", "1"];

describe.each(settings)("with bridge-nf-call-iptables %s", (setting) => {
  beforeAll(() => {
    if (setting !== "absent") writeSysctl(bridgeFilter, setting);
  });

  for (const [transport, port, greeting] of [
    ["tcp", 8080, "tcp 80"],
    ["udp", 5353, "udp 53"],
  ] as const) {
    test(`${transport}: the host reaches a published port by loopback and by its own address`, async () => {
      expect(await ask(undefined, transport, { ip: "127.0.0.1", port })).toBe(`${greeting} to 172.17.0.1`);
      expect(await ask(undefined, transport, { ip: "::1", port })).toBe(`${greeting} to 172.17.0.1`);
      expect(await ask(undefined, transport, { ip: hostAddress, port })).toBe(
        `${greeting} to ${hostAddress}`,
      );
    });

    test(`${transport}: a host outside reaches it with its own source address`, async () => {
      expect(await ask(host.outside, transport, { ip: hostAddress, port })).toBe(
        `${greeting} to ${outsideAddress}`,
      );
    });

    test(`${transport}: containers reach it by the host's address, the publishing one too`, async () => {
      expect(await ask(other.netnsPath, transport, { ip: hostAddress, port })).toBe(
        `${greeting} to 172.17.0.1`,
      );
      expect(await ask(other.netnsPath, transport, { ip: "172.17.0.1", port })).toBe(
        `${greeting} to 172.17.0.1`,
      );
      expect(await ask(web.netnsPath, transport, { ip: hostAddress, port })).toBe(
        `${greeting} to 172.17.0.1`,
      );
    });
  }

  test("containers reach each other directly, with their own addresses", async () => {
    expect(await ask(other.netnsPath, "tcp", { ip: "172.17.0.2", port: 83 })).toBe("tcp 83 to 172.17.0.3");
  });
});

test("a port that is published on one address is open on that address only", async () => {
  expect(await ask(undefined, "tcp", { ip: "127.0.0.1", port: 8081 })).toBe("tcp 81 to 172.17.0.1");
  expect(await ask(undefined, "tcp", { ip: hostAddress, port: 8081 })).toBe("ECONNREFUSED");
  expect(await ask(host.outside, "tcp", { ip: hostAddress, port: 8081 })).toBe("ECONNREFUSED");
  expect(await ask(host.outside, "tcp", { ip: hostAddress, port: 8082 })).toBe(`tcp 82 to ${outsideAddress}`);
  expect(await ask(undefined, "tcp", { ip: "127.0.0.1", port: 8082 })).toBe("ECONNREFUSED");
});

test("who has a route to the containers still reaches published ports only, through the host", async () => {
  for (const port of [80, 83]) {
    expect(await ask(host.outside, "tcp", { ip: "172.17.0.2", port })).toBe("timeout");
  }
});

test("containers go out with the host's address", async () => {
  using _server = serve(host.outside, "tcp", 7000, "outside");
  expect(await ask(other.netnsPath, "tcp", { ip: outsideAddress, port: 7000 })).toBe(
    `outside to ${hostAddress}`,
  );
});

test("inspect tells what was published where", () => {
  expect(daemon.networks.connection("web")?.Ports).toEqual({
    "53/udp": [
      { HostIp: "0.0.0.0", HostPort: "5353" },
      { HostIp: "::", HostPort: "5353" },
    ],
    "80/tcp": [
      { HostIp: "0.0.0.0", HostPort: "8080" },
      { HostIp: "::", HostPort: "8080" },
    ],
    "81/tcp": [{ HostIp: "127.0.0.1", HostPort: "8081" }],
    "82/tcp": [{ HostIp: hostAddress, HostPort: "8082" }],
  });
  const bridge = daemon.networks.inspect("bridge");
  expect(bridge.IPAM.Config).toEqual([{ Subnet: "172.17.0.0/16", Gateway: "172.17.0.1" }]);
  expect(bridge.Containers.web).toMatchObject({
    Name: "name-of-web",
    IPv4Address: "172.17.0.2/16",
    MacAddress: "02:42:ac:11:00:02",
  });
});

test("a sender that never pauses reaches the container that publishes its port later", async () => {
  const before = serve(undefined, "udp", 5400, "host");
  expect(await ask(host.outside, "udp", { ip: hostAddress, port: 5400 }, 40_000)).toBe(
    `host to ${outsideAddress}`,
  );
  before[Symbol.dispose]();
  const late = await daemon.networks.connect(
    request("late", { portBindings: { "54/udp": [{ HostIp: "", HostPort: "5400" }] } }),
  );
  const server = serve(late.netnsPath, "udp", 54, "udp 54");
  // The same source port: the kernel takes it for the same flow.
  expect(await ask(host.outside, "udp", { ip: hostAddress, port: 5400 }, 40_000)).toBe(
    `udp 54 to ${outsideAddress}`,
  );
  server[Symbol.dispose]();
  await daemon.networks.release("late");
});

test("nobody reaches the host's loopback address through the bridge", async () => {
  using _secret = serve(undefined, "tcp", 9100, "secret", "127.0.0.1");
  expect(await ask(host.outside, "tcp", { ip: hostAddress, port: 9100 })).toBe("ECONNREFUSED");
  // A container that routes 127.0.0.0/8 to the host, as its administrator may.
  const route =
    "ip addr flush dev lo; sysctl -qw net.ipv4.conf.all.route_localnet=1; ip route replace 127.0.0.0/8 via 172.17.0.1";
  const enter = Bun.spawnSync(["nsenter", `--net=${other.netnsPath}`, "sh", "-c", route]);
  expect(enter.stderr.toString()).toBe("");
  expect(await ask(other.netnsPath, "tcp", { ip: "127.0.0.1", port: 9100 })).toBe("timeout");
});
