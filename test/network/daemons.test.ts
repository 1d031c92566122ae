import { afterAll, beforeAll, expect, test } from "bun:test";
import { parsePrefix } from "../../src/base/ip.ts";
import { addAddress } from "../../src/linux/addresses.ts";
import { createBridge, findLink, linkUp, listLinks } from "../../src/linux/links.ts";
import { inNetns } from "../../src/linux/namespace.ts";
import { NetlinkSocket } from "../../src/linux/netlink.ts";
import { Nftables } from "../../src/linux/nftables.ts";
import type { NetworkConfig } from "../../src/network/types.ts";
import {
  ask,
  hostAddress,
  IsolatedHost,
  outsideAddress,
  request,
  serve,
  type TestDaemon,
} from "./isolated-host.ts";

let host: IsolatedHost;
let count = 0;

beforeAll(() => {
  host = new IsolatedHost();
});

afterAll(() => host[Symbol.dispose]());

/** Runs `check` with daemons of their own, and takes them down. */
async function withDaemons(configs: NetworkConfig[], check: (...daemons: TestDaemon[]) => Promise<void>) {
  const daemons = configs.map((config) => host.daemon(`daemon${count++}`, config));
  try {
    await Promise.all(daemons.map(({ networks }) => networks.start()));
    await Promise.all(daemons.map(({ networks }) => networks.reconcile([])));
    await check(...daemons);
  } finally {
    for (const { networks } of daemons) {
      for (const network of networks.list()) {
        for (const id of Object.keys(network.Containers)) await networks.release(id);
      }
      await networks.shutdown();
    }
  }
}

const bridgeOf = ({ networks }: TestDaemon) => {
  const { Options, IPAM } = networks.inspect("bridge");
  return { name: Options?.["com.docker.network.bridge.name"] ?? "", subnet: IPAM.Config?.[0]?.Subnet };
};
const bind = (HostPort: string) => [{ HostIp: "", HostPort }];

test("daemons that start at the same time get bridges, subnets and rules of their own", async () => {
  await withDaemons([{}, {}, {}], async (a, b, c) => {
    const bridges = [a, b, c].map((daemon) => bridgeOf(daemon as TestDaemon));
    expect(new Set(bridges.map(({ name }) => name)).size).toBe(3);
    expect(bridges.map(({ subnet }) => subnet).sort()).toEqual([
      "172.17.0.0/16",
      "172.18.0.0/16",
      "172.19.0.0/16",
    ]);
  });
});

test("one daemon's end changes nothing for the other's containers; across daemons only published ports are open", async () => {
  await withDaemons([{}, {}], async (a, b) => {
    if (!a || !b) throw new Error("two daemons");
    const one = await a.networks.connect(request("one", { portBindings: { "80/tcp": bind("8080") } }));
    const two = await b.networks.connect(request("two"));
    const server = serve(one.netnsPath, "tcp", 80, "one");
    expect(await ask(two.netnsPath, "tcp", { ip: hostAddress, port: 8080 })).toStartWith("one to ");
    const direct = { ip: one.Networks.bridge?.IPAddress ?? "", port: 80 };
    expect(await ask(two.netnsPath, "tcp", direct)).toBe("timeout");
    await expect(
      b.networks.connect(request("three", { portBindings: { "80/tcp": bind("8080") } })),
    ).rejects.toThrow("address already in use");
    const third = host.daemon("passing");
    await third.networks.start();
    await third.networks.shutdown();
    expect(await ask(host.outside, "tcp", { ip: hostAddress, port: 8080 })).toBe(`one to ${outsideAddress}`);
    server[Symbol.dispose]();
  });
});

test("a subnet that the host has a route or an address in is not taken", async () => {
  using socket = new NetlinkSocket();
  socket.request(createBridge("vpn0", { mac: "02:00:00:00:00:09", mtu: 1500 }), linkUp("vpn0"));
  socket.request(addAddress(findLink(socket, "vpn0")?.index ?? 0, parsePrefix("172.17.5.1/24")));
  Bun.spawnSync(["ip", "route", "add", "172.18.0.0/15", "via", outsideAddress]);
  await withDaemons([{}], async (daemon) => {
    expect(bridgeOf(daemon as TestDaemon).subnet).toBe("172.20.0.0/16");
  });
  Bun.spawnSync(["ip", "route", "del", "172.18.0.0/15"]);
  Bun.spawnSync(["ip", "link", "del", "vpn0"]);
});

test("a host firewall that drops what it forwards is opened for the bridge, and closed again", async () => {
  using nft = new Nftables();
  nft.run(
    "table ip filter\nadd chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }",
  );
  const before = nft.run("list table ip filter");
  await withDaemons([{}], async (daemon) => {
    const web = await daemon?.networks.connect(request("web", { portBindings: { "80/tcp": bind("8080") } }));
    const server = serve(web?.netnsPath, "tcp", 80, "web");
    expect(await ask(host.outside, "tcp", { ip: hostAddress, port: 8080 })).toBe(`web to ${outsideAddress}`);
    server[Symbol.dispose]();
  });
  expect(nft.run("list table ip filter")).toBe(before);
  nft.run("delete table ip filter");
});

test("without inter-container communication only published ports are reached", async () => {
  await withDaemons([{ icc: false }], async (daemon) => {
    const web = await daemon?.networks.connect(request("web", { portBindings: { "80/tcp": bind("8080") } }));
    const other = await daemon?.networks.connect(request("other"));
    const server = serve(web?.netnsPath, "tcp", 80, "web");
    const ip = web?.Networks.bridge?.IPAddress ?? "";
    expect(await ask(other?.netnsPath, "tcp", { ip, port: 80 })).toBe("timeout");
    expect(await ask(other?.netnsPath, "tcp", { ip: hostAddress, port: 8080 })).toStartWith("web to ");
    server[Symbol.dispose]();
  });
});

test("without a firewall published ports are relayed, and no rule is made", async () => {
  await withDaemons([{ iptables: false }], async (daemon) => {
    const web = await daemon?.networks.connect(
      request("web", { portBindings: { "80/tcp": bind("8080"), "53/udp": bind("5353") } }),
    );
    const servers = [serve(web?.netnsPath, "tcp", 80, "web"), serve(web?.netnsPath, "udp", 53, "dns")];
    const gateway = web?.Networks.bridge?.Gateway;
    for (const ip of ["127.0.0.1", "::1", hostAddress]) {
      expect(await ask(undefined, "tcp", { ip, port: 8080 })).toBe(`web to ${gateway}`);
      expect(await ask(undefined, "udp", { ip, port: 5353 })).toBe(`dns to ${gateway}`);
    }
    using nft = new Nftables();
    expect(nft.run("list ruleset")).toBe("");
    for (const server of servers) server[Symbol.dispose]();
  });
});

test("an address for the bridge, a range and an MTU are taken from the configuration", async () => {
  await withDaemons([{ bip: "10.99.0.1/24", fixedCidr: "10.99.0.128/25", mtu: 1400 }], async (daemon) => {
    const { Networks, netnsPath } = (await daemon?.networks.connect(request("web"))) ?? {};
    expect(Networks?.bridge).toMatchObject({
      Gateway: "10.99.0.1",
      IPAddress: "10.99.0.128",
      IPPrefixLen: 24,
    });
    const eth0 = inNetns(netnsPath ?? "", () => {
      using inside = new NetlinkSocket();
      return findLink(inside, "eth0");
    });
    expect(eth0).toMatchObject({ mtu: 1400, up: true, mac: "02:42:0a:63:00:80" });
    expect(bridgeOf(daemon as TestDaemon).subnet).toBe("10.99.0.0/24");
    expect(daemon?.networks.hostGateway).toBe("10.99.0.1");
  });
});

test("an administrator's bridge is used as it is, and stays", async () => {
  const missing = host.daemon("missing", { bridge: "nosuch0" });
  await expect(missing.networks.start()).rejects.toThrow(
    "bridge device with non default name nosuch0 must be created manually",
  );
  using socket = new NetlinkSocket();
  socket.request(createBridge("admin0", { mac: "02:00:00:00:00:0a", mtu: 1500 }));
  socket.request(addAddress(findLink(socket, "admin0")?.index ?? 0, parsePrefix("10.50.0.1/24")));
  await withDaemons([{ bridge: "admin0" }], async (daemon) => {
    const { Networks } = (await daemon?.networks.connect(request("web"))) ?? {};
    expect(Networks?.bridge).toMatchObject({ Gateway: "10.50.0.1", IPAddress: "10.50.0.2" });
  });
  expect(listLinks(socket).map(({ name }) => name)).toContain("admin0");
  Bun.spawnSync(["ip", "link", "del", "admin0"]);
});

test("host, none, another container's network and no bridge at all", async () => {
  await withDaemons([{}, { bridge: "none" }], async (daemon, bridgeless) => {
    if (!daemon || !bridgeless) throw new Error("two daemons");
    const { networks } = daemon;
    const onHost = await networks.connect(request("onHost", { mode: "host" }));
    expect(onHost.netnsPath).toBeNull();
    expect(Object.keys(onHost.Networks)).toEqual(["host"]);
    const alone = await networks.connect(request("alone", { mode: "none" }));
    const links = inNetns(alone.netnsPath ?? "", () => {
      using inside = new NetlinkSocket();
      return listLinks(inside).map(({ name, up }) => ({ name, up }));
    });
    expect(links).toEqual([{ name: "lo", up: true }]);
    const shared = await networks.connect(request("shared", { mode: "container:alone" }));
    expect(shared).toMatchObject({ netnsPath: alone.netnsPath, sharedWith: "alone" });
    await expect(networks.connect(request("x", { mode: "container:gone" }))).rejects.toMatchObject({
      code: "conflict",
    });
    await expect(networks.connect(request("x", { mode: "nosuch" }))).rejects.toThrow(
      "network nosuch not found",
    );
    expect(
      networks
        .list()
        .map(({ Name, Driver }) => `${Name} ${Driver}`)
        .sort(),
    ).toEqual(["bridge bridge", "host host", "none null"]);
    const plain = await bridgeless.networks.connect(request("plain"));
    expect(Object.keys(plain.Networks)).toEqual(["none"]);
  });
});

test("a MAC address that was asked for is the container's own", async () => {
  await withDaemons([{}], async (daemon) => {
    const made = await daemon?.networks.connect(request("web", { macAddress: "02:AB:cd:00:00:07" }));
    expect(made?.Networks.bridge?.MacAddress).toBe("02:ab:cd:00:00:07");
    const server = serve(made?.netnsPath, "tcp", 80, "web");
    expect(await ask(undefined, "tcp", { ip: made?.Networks.bridge?.IPAddress ?? "", port: 80 })).toStartWith(
      "web",
    );
    server[Symbol.dispose]();
    await expect(daemon?.networks.connect(request("odd", { macAddress: "02:42" }))).rejects.toThrow(
      "invalid MAC address: 02:42",
    );
  });
});
