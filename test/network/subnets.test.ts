import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { contains, overlaps, parsePrefix } from "../../src/base/ip.ts";
import { writeSysctl } from "../../src/linux/sysctl.ts";
import type { NetworkConfig } from "../../src/network/types.ts";
import { run, until } from "../harness/process.ts";
import { ask, IsolatedHost, request, serve, type TestDaemon } from "./isolated-host.ts";

/* Which subnets networks get, and which addresses containers get of them. */
let host: IsolatedHost;
let daemon: TestDaemon;
let count = 0;

beforeAll(() => {
  host = new IsolatedHost();
});
afterAll(() => host[Symbol.dispose]());
afterEach(async () => {
  const { networks } = daemon;
  for (const { Name, Containers } of networks.list()) {
    for (const id of Object.keys(Containers)) await networks.release(id);
    if (!["bridge", "host", "none"].includes(Name)) await networks.remove(Name);
  }
  await networks.shutdown();
});

async function started(config: NetworkConfig = {}): Promise<TestDaemon["networks"]> {
  daemon = host.daemon(`daemon${count++}`, config, 0);
  await daemon.networks.start();
  await daemon.networks.reconcile([]);
  return daemon.networks;
}

const subnetsOf = (name: string) =>
  (daemon.networks.inspect(name).IPAM.Config ?? []).map(({ Subnet = "" }) => Subnet);

test("a route that a VPN adds while the daemon runs is kept free", async () => {
  const networks = await started();
  await networks.create({ Name: "before" });
  const [first = ""] = subnetsOf("before");
  await networks.remove("before");
  const vpn = first.replace(/\.\d+\.\d+\/\d+$/, ".0.0/16");
  await run(["ip", "route", "add", vpn, "dev", "uplink0"]);
  await networks.create({ Name: "after" });
  const [second = ""] = subnetsOf("after");
  expect(overlaps(parsePrefix(vpn), parsePrefix(second))).toBe(false);
  // Who asks for it by name gets it: it may be meant so.
  await networks.create({ Name: "asked", IPAM: { Config: [{ Subnet: first }] } });
  expect(subnetsOf("asked")[0]).toBe(first);
  await run(["ip", "route", "del", vpn]);
});

test("pools of the configuration are cut into subnets until there are none left", async () => {
  const networks = await started({
    defaultAddressPools: [
      { base: "10.213.0.0/23", size: 24 },
      { base: "fd00:213::/47", size: 48 },
    ],
  });
  await networks.create({ Name: "one", EnableIPv6: true });
  expect([subnetsOf("bridge"), subnetsOf("one")]).toEqual([
    ["10.213.0.0/24"],
    ["10.213.1.0/24", "fd00:213::/48"],
  ]);
  await expect(networks.create({ Name: "two" })).rejects.toThrow(
    "all predefined address pools have been fully subnetted",
  );
  expect(networks.list().map(({ Name }) => Name)).not.toContain("two");
  await networks.remove("one");
  await networks.create({ Name: "two" });
  expect(subnetsOf("two")[0]).toBe("10.213.1.0/24");
});

test("IPv6 comes by itself, with a prefix of the daemon's own, where the host has IPv6, else silently not", async () => {
  const networks = await started();
  await networks.create({ Name: "six" });
  await networks.create({ Name: "seven" });
  const ulas = ["six", "seven"].map((name) => parsePrefix(subnetsOf(name)[1] ?? ""));
  const mine = { ...(ulas[0] ?? parsePrefix("::/0")), length: 48 };
  expect(ulas.map((one) => contains(parsePrefix("fd00::/8"), one) && contains(mine, one))).toEqual([
    true,
    true,
  ]);
  writeSysctl("net/ipv6/conf/all/disable_ipv6", "1");
  try {
    await networks.create({ Name: "four" });
    const web = await networks.connect(
      request("web", { mode: "four", portBindings: { "80/tcp": [{ HostIp: "", HostPort: "8080" }] } }),
    );
    expect([subnetsOf("four").length, web.Networks.four?.GlobalIPv6Address]).toEqual([1, ""]);
    using _server = serve(web.netnsPath, "tcp", 80, "web");
    expect(await ask(undefined, "tcp", { ip: "127.0.0.1", port: 8080 })).toStartWith("web");
    expect(web.Ports).toEqual({ "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "8080" }] });
  } finally {
    writeSysctl("net/ipv6/conf/all/disable_ipv6", "0");
  }
});

test("an address that was given back is not the next one's, and none is given twice", async () => {
  const networks = await started();
  await networks.create({
    Name: "small",
    EnableIPv6: false,
    IPAM: {
      Config: [
        { Subnet: "10.214.0.0/28", IPRange: "10.214.0.8/29", AuxiliaryAddresses: { a: "10.214.0.9" } },
      ],
    },
  });
  const join = async (id: string) =>
    (await networks.connect(request(id, { mode: "small" }))).Networks.small?.IPAddress ?? "";
  const first = await join("one");
  await networks.release("one");
  const free = ["10.214.0.10", "10.214.0.11", "10.214.0.12", "10.214.0.13", "10.214.0.14"];
  expect(free).toContain(first);
  const others: string[] = [];
  for (const id of ["two", "three", "four", "five"]) others.push(await join(id));
  // The gateway and the auxiliary address are nobody's; one that has just been given back is the last resort.
  expect(others.toSorted()).toEqual(free.filter((ip) => ip !== first));
  let last = "";
  await until("it is free again", async () => {
    last = await join("six").catch(() => "");
    return last !== "";
  });
  expect(last).toBe(first);
  await expect(join("seven")).rejects.toThrow(
    "no available IPv4 addresses on this network's address pools: small",
  );
});

test("a route that appears over a network is told of; routes that stand for the default one keep nothing free", async () => {
  const networks = await started();
  await networks.create({ Name: "before" });
  const [subnet = ""] = subnetsOf("before");
  const vpn = subnet.replace(/\.\d+\.\d+\/\d+$/, ".0.0/16");
  const log = daemon.warnings;
  expect([networks.warnings(), log]).toEqual([[], []]);
  await run(["ip", "route", "add", vpn, "dev", "uplink0"]);
  await until("it is in the log", () => log.length > 0);
  expect(log.join()).toContain(
    `network before (${subnet}) overlaps with the host's route to ${vpn} (uplink0): `,
  );
  expect(networks.warnings()).toEqual(log);
  await run(["ip", "route", "del", vpn]);
  expect(networks.warnings()).toEqual([]);
  // As OpenVPN has them in place of a default route.
  for (const half of ["0.0.0.0/1", "128.0.0.0/1"]) await run(["ip", "route", "add", half, "dev", "uplink0"]);
  await networks.create({ Name: "beside" });
  expect(networks.warnings()).toEqual([]);
  // Who asks for a subnet by name gets it, and is told.
  await run(["ip", "route", "add", "10.77.0.0/24", "dev", "uplink0"]);
  const { warning } = await networks.create({
    Name: "asked",
    IPAM: { Config: [{ Subnet: "10.77.0.0/16" }] },
  });
  expect(warning).toContain(
    "overlaps with the host's route to 10.77.0.0/24 (uplink0): containers of the network",
  );
  for (const route of ["0.0.0.0/1", "128.0.0.0/1", "10.77.0.0/24"]) await run(["ip", "route", "del", route]);
});
