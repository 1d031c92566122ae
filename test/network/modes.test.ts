import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { NetworkCreateRequest } from "../../src/api/networks.ts";
import { SyscallError } from "../../src/linux/libc.ts";
import { createUpper, deleteLink, findLink } from "../../src/linux/links.ts";
import { inNetns } from "../../src/linux/namespace.ts";
import { NetlinkSocket } from "../../src/linux/netlink.ts";
import type { Connection } from "../../src/network/types.ts";
import { run } from "../harness/process.ts";
import {
  ask,
  hostAddress,
  IsolatedHost,
  outsideAddress,
  request,
  serve,
  type TestDaemon,
} from "./isolated-host.ts";

/* The drivers and their options, by what gets through: between containers, the host and a host outside. */
const host6 = "2001:db8:77::1";
const outside6 = "2001:db8:77::2";
let host: IsolatedHost;
let daemon: TestDaemon;

beforeAll(async () => {
  host = new IsolatedHost();
  await run(["ip", "addr", "add", `${host6}/64`, "dev", "uplink0", "nodad"]);
  const outside = ["nsenter", `--net=${host.outside}`, "ip"];
  await run([...outside, "addr", "add", `${outside6}/64`, "dev", "eth0", "nodad"]);
  await run([...outside, "-6", "route", "add", "default", "via", host6]);
  daemon = host.daemon("daemon");
  await daemon.networks.start();
  await daemon.networks.reconcile([]);
});
afterAll(async () => {
  await daemon.networks.shutdown();
  host[Symbol.dispose]();
});

interface Member {
  netns: string;
  ip: string;
  ip6: string;
}

const memberOf = ({ netnsPath, Networks }: Connection): Member => ({
  netns: netnsPath ?? "",
  ip: Networks.net?.IPAddress ?? "",
  ip6: Networks.net?.GlobalIPv6Address ?? "",
});

/** A network `net` with a member that serves on the ports 80 (published as 8080) and 81, and another member. */
async function withNetwork(
  options: Partial<NetworkCreateRequest>,
  work: (web: Member, other: Member) => Promise<void>,
): Promise<void> {
  const { networks } = daemon;
  await networks.create({ Name: "net", EnableIPv6: true, ...options });
  const servers: Disposable[] = [];
  try {
    const portBindings = { "80/tcp": [{ HostIp: "", HostPort: "8080" }] };
    const web = memberOf(await networks.connect(request("web", { mode: "net", portBindings })));
    const other = memberOf(await networks.connect(request("other", { mode: "net" })));
    for (const port of [80, 81]) {
      if (web.ip !== "") servers.push(serve(web.netns, "tcp", port, "web"));
      if (web.ip6 !== "") servers.push(serve(web.netns, "tcp", port, "web", web.ip6));
    }
    await work(web, other);
  } finally {
    for (const server of servers) server[Symbol.dispose]();
    for (const id of ["web", "other"]) await networks.release(id);
    await networks.remove("net");
  }
}

const option = (name: string, value: string) => ({ [`com.docker.network.bridge.${name}`]: value });
const modes = (mode: string) => ({
  ...option("gateway_mode_ipv4", mode),
  ...option("gateway_mode_ipv6", mode),
});

/** Who reaches what: the answer, or why there is none. */
const from = (netns: string | undefined, ip: string, port: number) => ask(netns, "tcp", { ip, port });
/** Whom a server outside takes a member for. */
async function seenOutside({ netns }: Member, ip: string): Promise<string> {
  using _server = serve(host.outside, "tcp", 99, "out", ip);
  return await from(netns, ip, 99);
}

describe("a bridge network whose gateway mode is", () => {
  test("nat: only published ports are reached, by the host's address, which is also that of who goes out", () =>
    withNetwork({ Options: modes("nat") }, async (web, other) => {
      expect(await from(host.outside, hostAddress, 8080)).toBe(`web to ${outsideAddress}`);
      expect(await from(host.outside, host6, 8080)).toBe(`web to ${outside6}`);
      expect(await from(host.outside, web.ip, 80)).toBe("timeout");
      expect(await from(host.outside, web.ip6, 81)).toBe("timeout");
      expect(await from(other.netns, web.ip, 81)).toBe(`web to ${other.ip}`);
      expect(await seenOutside(web, outsideAddress)).toBe(`out to ${hostAddress}`);
      expect(await seenOutside(web, outside6)).toBe(`out to ${host6}`);
    }));

  test("nat-unprotected: whoever has a route reaches all ports, but no other network's containers do", () =>
    withNetwork({ Options: modes("nat-unprotected") }, async (web) => {
      expect(await from(host.outside, hostAddress, 8080)).toBe(`web to ${outsideAddress}`);
      expect(await from(host.outside, web.ip, 81)).toBe(`web to ${outsideAddress}`);
      expect(await from(host.outside, web.ip6, 81)).toBe(`web to ${outside6}`);
      const stranger = await daemon.networks.connect(request("stranger"));
      expect(await from(stranger.netnsPath ?? "", web.ip, 81)).toBe("timeout");
      await daemon.networks.release("stranger");
      expect(await seenOutside(web, outsideAddress)).toBe(`out to ${hostAddress}`);
    }));

  test("routed: published ports are reached by the container's own address, and the host opens none", () =>
    withNetwork({ Options: modes("routed") }, async (web) => {
      expect(await from(host.outside, web.ip, 80)).toBe(`web to ${outsideAddress}`);
      expect(await from(host.outside, web.ip6, 80)).toBe(`web to ${outside6}`);
      expect(await from(host.outside, web.ip, 81)).toBe("timeout");
      expect(await from(host.outside, web.ip6, 81)).toBe("timeout");
      expect(await from(host.outside, hostAddress, 8080)).toBe("ECONNREFUSED");
      expect(await seenOutside(web, outsideAddress)).toBe(`out to ${web.ip}`);
      expect(await seenOutside(web, outside6)).toBe(`out to ${web.ip6}`);
    }));

  test("isolated: not even the host is there", () =>
    withNetwork({ Internal: true, Options: modes("isolated") }, async (web, other) => {
      const { IPAM, Containers } = daemon.networks.inspect("net");
      expect(Object.keys(Containers)).toHaveLength(2);
      expect(await from(other.netns, web.ip, 81)).toBe(`web to ${other.ip}`);
      expect(await from(other.netns, web.ip6, 81)).toBe(`web to ${other.ip6}`);
      using _server = serve(undefined, "tcp", 98, "host");
      const gateway = IPAM?.Config?.[0]?.Gateway ?? "";
      expect(await from(web.netns, gateway, 98)).toBeOneOf(["timeout", "EHOSTUNREACH"]);
      expect(await from(web.netns, hostAddress, 98)).toBe("ENETUNREACH");
      expect(await from(undefined, web.ip, 81)).not.toStartWith("web");
    }));
});

test("an internal network's containers reach the host by its gateway, and nothing else", () =>
  withNetwork({ Internal: true }, async (web, other) => {
    expect(await from(other.netns, web.ip, 81)).toBe(`web to ${other.ip}`);
    expect(await from(web.netns, outsideAddress, 99)).toBe("ENETUNREACH");
    expect(await from(host.outside, web.ip, 81)).toBe("timeout");
    expect(await from(host.outside, hostAddress, 8080)).toBe("ECONNREFUSED");
  }));

test("without masquerading containers go out with their own address", () =>
  withNetwork({ Options: option("enable_ip_masquerade", "false") }, async (web) => {
    expect(await seenOutside(web, outsideAddress)).toBe(`out to ${web.ip}`);
  }));

test("an MTU is that of the bridge and of both ends", () =>
  withNetwork({ Options: { "com.docker.network.driver.mtu": "1400" } }, async (web) => {
    const inside = inNetns(web.netns, () => {
      using socket = new NetlinkSocket();
      return findLink(socket, "eth0");
    });
    using socket = new NetlinkSocket();
    const bridge = findLink(socket, `br-${daemon.networks.inspect("net").Id.slice(0, 12)}`);
    expect([inside?.mtu, bridge?.mtu]).toEqual([1400, 1400]);
  }));

test("a network without IPv4 has IPv6 alone", () =>
  withNetwork({ EnableIPv4: false }, async (web, other) => {
    expect([web.ip, web.ip6 !== ""]).toEqual(["", true]);
    expect(await from(other.netns, web.ip6, 81)).toBe(`web to ${other.ip6}`);
    expect(await seenOutside(web, outside6)).toBe(`out to ${host6}`);
    const { stdout } = await run(["nsenter", `--net=${web.netns}`, "ip", "-4", "addr", "show", "eth0"]);
    expect(stdout).toBe("");
  }));

test("macvlan containers are neighbours of the hosts outside, from any of their subnets", () =>
  withNetwork(
    {
      Driver: "macvlan",
      EnableIPv6: false,
      Options: { parent: "uplink0" },
      IPAM: {
        Config: [{ Subnet: "198.51.100.0/24", IPRange: "198.51.100.64/30" }, { Subnet: "10.77.0.0/24" }],
      },
    },
    async (web, other) => {
      expect([web.ip, other.ip]).toEqual(["198.51.100.65", "198.51.100.66"]);
      expect(await from(host.outside, web.ip, 81)).toBe(`web to ${outsideAddress}`);
      expect(await from(other.netns, web.ip, 81)).toBe(`web to ${other.ip}`);
      expect(await seenOutside(web, outsideAddress)).toBe(`out to ${web.ip}`);
      // The parent and what is above it do not hear each other.
      expect(await from(undefined, web.ip, 81)).not.toStartWith("web");
      const { networks } = daemon;
      const IPAMConfig = { IPv4Address: "10.77.0.9" };
      const second = { network: "net", settings: { IPAMConfig }, dnsNames: [] };
      const far = await networks.connect(request("far", { mode: "net", endpoints: [second] }));
      expect(far.Networks.net).toMatchObject({ IPAddress: "10.77.0.9", Gateway: "10.77.0.1" });
      await networks.release("far");
    },
  ));

/** Whether this kernel has ipvlan interfaces. */
function hasIpvlan(): boolean {
  using socket = new NetlinkSocket();
  const parent = findLink(socket, "eth0") ?? findLink(socket, "lo");
  try {
    const what = { kind: "ipvlan", mode: 0, flags: 0 } as const;
    socket.request(createUpper({ name: "lsprobe0", what, parent: parent?.index ?? 1 }));
    deleteLink(socket, "lsprobe0");
    return true;
  } catch (error) {
    if (error instanceof SyscallError) return false;
    throw error;
  }
}

test.skipIf(!hasIpvlan())("ipvlan containers share the address of their parent's card", () =>
  withNetwork(
    {
      Driver: "ipvlan",
      EnableIPv6: false,
      Options: { parent: "uplink0" },
      IPAM: { Config: [{ Subnet: "198.51.100.0/24", IPRange: "198.51.100.64/30" }] },
    },
    async (web, other) => {
      expect(await from(host.outside, web.ip, 81)).toBe(`web to ${outsideAddress}`);
      expect(await from(other.netns, web.ip, 81)).toBe(`web to ${other.ip}`);
    },
  ),
);

test("a macvlan whose parent was missing is used as soon as that is there, and a passthru has its parent alone", async () => {
  const parent = ["ip", "link", "add", "parent0", "type", "veth", "peer", "name", "parent1"];
  await run(parent);
  const first = host.daemon("late");
  await first.networks.start();
  const wanted = { Name: "late", Driver: "macvlan", Options: { parent: "parent0" } };
  await first.networks.create({ ...wanted, IPAM: { Config: [{ Subnet: "10.78.0.0/24" }] } });
  const alone = { ...wanted, Name: "alone", Options: { parent: "parent0", macvlan_mode: "passthru" } };
  await expect(first.networks.create(alone)).rejects.toThrow("is already using parent interface parent0");
  await first.networks.shutdown();
  await run(["ip", "link", "del", "parent0"]);
  const { networks } = host.daemon("late");
  await networks.start();
  await networks.reconcile([]);
  const asked = { mode: "late", endpoints: [{ network: "late", settings: {}, dnsNames: [] }] };
  const connected = () => networks.connect(request("later", asked));
  await expect(connected()).rejects.toThrow("network late cannot be used: ");
  await run(parent);
  expect((await connected()).Networks.late?.IPAddress).toBe("10.78.0.2");
  await networks.release("later");
  await networks.remove("late");
  await networks.shutdown();
  await run(["ip", "link", "del", "parent0"]);
});
