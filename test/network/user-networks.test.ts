import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { closeSync, writeSync } from "node:fs";
import { readNow } from "../../src/linux/fd.ts";
import { connectSocket } from "../../src/linux/inet-socket.ts";
import { inNetns } from "../../src/linux/namespace.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/process.ts";
import { ownSubnets } from "../harness/subnets.ts";

let daemon: TestDaemon;

beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
});

afterAll(() => daemon[Symbol.asyncDispose]());

const subnet = ownSubnets();
const sleeper = (name: string, ...flags: string[]) =>
  daemon.must("run", "-d", "--name", name, ...flags, "busybox", "sleep", "1000");
const inside = (name: string, ...command: string[]) => daemon.docker("exec", name, ...command);
const reaches = async (name: string, address: string) =>
  (await inside(name, "ping", "-c1", "-W1", address)).code === 0;
const addressIn = (name: string, network: string) =>
  daemon.inspect(name, `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`);
/** The router that a packet for elsewhere meets first. */
const firstHop = async (name: string) =>
  /^ *1 +(\S+)/m.exec((await inside(name, "traceroute", "-n", "-m1", "-q1", "-w2", "192.0.2.1")).stdout)?.[1];
const error = async (...command: string[]) => (await daemon.docker(...command)).stderr;

/** What the resolver of a namespace says of a name, without any daemon: the answer's last four bytes, as an address. */
async function askedIn(netns: string, name: string): Promise<string> {
  const fd = inNetns(netns, () => connectSocket("udp", { ip: "127.0.0.11", port: 53 }));
  try {
    const label = Buffer.concat([Buffer.of(name.length), Buffer.from(name), Buffer.of(0, 0, 1, 0, 1)]);
    writeSync(fd, Buffer.concat([Buffer.of(0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0), label]));
    const answer = Buffer.alloc(512);
    let length = 0;
    await until("the resolver answers", () => {
      length = readNow(fd, answer) ?? 0;
      return Promise.resolve(length > 0);
    });
    return [...answer.subarray(length - 4, length)].join(".");
  } finally {
    closeSync(fd);
  }
}

describe("networks that users create", () => {
  test("containers of one reach each other, those of two do not, and both get out to the host", async () => {
    await daemon.must("network", "create", "left");
    await daemon.must("network", "create", "right");
    await sleeper("l1", "--network", "left");
    await sleeper("l2", "--network", "left");
    await sleeper("r1", "--network", "right");
    await sleeper("d1");
    expect(await reaches("l1", await addressIn("l2", "left"))).toBe(true);
    expect(await reaches("l1", await addressIn("r1", "right"))).toBe(false);
    expect(await reaches("l1", await addressIn("d1", "bridge"))).toBe(false);
    expect(await reaches("d1", await addressIn("l1", "left"))).toBe(false);
    const gateway = await daemon.inspect("l1", "{{.NetworkSettings.Networks.left.Gateway}}");
    expect(await reaches("l1", gateway)).toBe(true);
    const six = await daemon.inspect("l2", "{{.NetworkSettings.Networks.left.GlobalIPv6Address}}");
    const sixRight = await daemon.inspect("r1", "{{.NetworkSettings.Networks.right.GlobalIPv6Address}}");
    if (six !== "") {
      expect(six).toStartWith("fd");
      expect(await reaches("l1", six)).toBe(true);
      expect(await reaches("l1", sixRight)).toBe(false);
    }
    await daemon.must("rm", "-f", "l1", "l2", "r1", "d1");
    expect(await daemon.must("network", "rm", "left", "right")).toBe("left\nright");
  });

  test("a container in two of them has both, by the flags of run or while it runs, and one of them leads out", async () => {
    const [one, two] = [subnet(), subnet()];
    await daemon.must("network", "create", "--subnet", one, "one");
    await daemon.must("network", "create", "--subnet", two, "two");
    const fixed = two.replace("0/24", "77");
    await sleeper("both", "--network", "one", "--network", `name=two,ip=${fixed},alias=other,gw-priority=5`);
    await sleeper("peer", "--network", "two");
    expect(await addressIn("both", "two")).toBe(fixed);
    expect((await inside("both", "ip", "route")).stdout).toContain(
      `default via ${two.replace("0/24", "1")} dev eth1`,
    );
    expect(await firstHop("both")).toBe(two.replace("0/24", "1"));
    expect(await reaches("peer", "other")).toBe(true);
    await daemon.must("network", "disconnect", "two", "both");
    expect((await inside("both", "ip", "route")).stdout).toContain(
      `default via ${one.replace("0/24", "1")} dev eth0`,
    );
    expect(await firstHop("both")).toBe(one.replace("0/24", "1"));
    await daemon.must("network", "connect", "--gw-priority", "-1", "two", "both");
    expect(await firstHop("both")).toBe(one.replace("0/24", "1"));
    await daemon.must("network", "disconnect", "two", "both");
    expect(await reaches("peer", fixed)).toBe(false);
    expect((await inside("both", "cat", "/etc/hosts")).stdout).not.toContain(fixed);
    await daemon.must("network", "connect", "--alias", "again", "two", "both");
    expect(await reaches("peer", "again")).toBe(true);
    expect(await error("network", "connect", "two", "both")).toContain(
      "endpoint with name both already exists in network two",
    );
    expect(await error("network", "rm", "two")).toContain("network two has active endpoints");
    // What was connected while it ran is connected after the next start.
    await daemon.must("restart", "-t", "0", "both");
    expect(await reaches("peer", "again")).toBe(true);
    await daemon.must("rm", "-f", "both", "peer");
    expect(await error("network", "prune", "-f")).toBe("");
    expect(await daemon.must("network", "ls", "-q", "--filter", "type=custom")).toBe("");
  });

  test("who joins one while it runs finds the others by name from then on, until it leaves", async () => {
    await daemon.must("network", "create", "joined");
    await sleeper("there", "--network", "joined");
    await sleeper("late");
    const before = (await inside("late", "cat", "/etc/resolv.conf")).stdout;
    for (let round = 0; round < 2; round++) {
      await daemon.must("network", "connect", "joined", "late");
      expect(await reaches("late", "there")).toBe(true);
      expect(await reaches("there", "late")).toBe(true);
      await daemon.must("network", "disconnect", "joined", "late");
      expect((await inside("late", "cat", "/etc/resolv.conf")).stdout).toBe(before);
    }
    await inside("late", "sh", "-c", "echo nameserver 192.0.2.1 > /etc/resolv.conf");
    await daemon.must("network", "connect", "joined", "late");
    expect((await inside("late", "cat", "/etc/resolv.conf")).stdout).toBe("nameserver 192.0.2.1\n");
    await daemon.must("rm", "-f", "there", "late");
    await daemon.must("network", "rm", "joined");
  });

  test("an internal one leads nowhere, and a container of it asks no server", async () => {
    const net = subnet();
    await daemon.must("network", "create", "--internal", "--subnet", net, "inner");
    await sleeper("in1", "--network", "inner");
    await sleeper("in2", "--network", "inner");
    await sleeper("out");
    expect((await inside("in1", "ip", "route")).stdout).not.toContain("default");
    expect(await reaches("in1", "in2")).toBe(true);
    expect(await reaches("out", await addressIn("in1", "inner"))).toBe(false);
    expect((await inside("in1", "nslookup", "example.com")).stdout).toContain("SERVFAIL");
    await daemon.must("rm", "-f", "in1", "in2", "out");
    await daemon.must("network", "rm", "inner");
  });

  test("without communication between them its containers do not reach each other", async () => {
    const option = "com.docker.network.bridge.enable_icc=false";
    // Addresses of its own: the kernel remembers conversations of others, for some seconds.
    await daemon.must("network", "create", "-o", option, "--subnet", subnet(), "apart");
    await sleeper("a1", "--network", "apart");
    await sleeper("a2", "--network", "apart");
    expect(await reaches("a1", await addressIn("a2", "apart"))).toBe(false);
    await daemon.must("rm", "-f", "a1", "a2");
    await daemon.must("network", "rm", "apart");
  });

  test("what cannot be is refused with Docker's words, and leaves nothing", async () => {
    const net = subnet();
    await daemon.must("network", "create", "--subnet", net, "full");
    const cases: [string[], string][] = [
      [["network", "create", "full"], "network with name full already exists"],
      [["network", "create", "bridge"], "operation is not permitted on predefined bridge network"],
      [
        ["network", "create", "--subnet", net, "x"],
        "invalid pool request: Pool overlaps with other one on this address space",
      ],
      [
        ["network", "create", "--subnet", "10.231.200.1/24", "x"],
        "invalid subnet 10.231.200.1/24: it should be 10.231.200.0/24",
      ],
      [["network", "create", "--subnet", "foo", "x"], "invalid subnet foo: invalid CIDR block notation"],
      [
        ["network", "create", "--subnet", "10.9.1.0/24", "--subnet", "10.9.2.0/24", "x"],
        "bridge driver doesn't support multiple subnets",
      ],
      [
        ["network", "create", "--ip-range", "10.1.0.0/24", "x"],
        "every ip-range or gateway must have a corresponding subnet",
      ],
      [["network", "create", "-d", "nope", "x"], 'plugin "nope" not found'],
      [
        ["network", "create", "-o", "com.docker.network.bridge.gateway_mode_ipv4=x", "x"],
        "unknown gateway mode x",
      ],
      [
        ["network", "create", "--subnet", "10.231.200.0/24", "--gateway", "10.231.200.255", "x"],
        "failed to allocate gateway (10.231.200.255): Address already in use",
      ],
      [
        ["network", "create", "--subnet", "10.231.200.0/24", "--aux-address", "a=10.231.200.1", "x"],
        "failed to allocate secondary ip address (a:10.231.200.1): Address already in use",
      ],
      [
        ["network", "create", "--config-only", "--attachable", "x"],
        "configuration network can only contain network specific fields.",
      ],
      [["network", "rm", "host"], "host is a pre-defined network and cannot be removed"],
      [["network", "rm", "nosuch"], "network nosuch not found"],
      [
        ["run", "--rm", "--network", "full", "--ip", "10.9.0.2", "busybox", "true"],
        "no configured subnet or ip-range contain the IP address 10.9.0.2",
      ],
      [["run", "--rm", "--network", "nosuch", "busybox", "true"], "network nosuch not found"],
      [
        ["run", "--rm", "--ip", "10.9.0.2", "busybox", "true"],
        "user specified IP address is supported on user defined networks only",
      ],
    ];
    const ifname = "driver-opt=com.docker.network.endpoint.sysctls=net.ipv4.conf.eth0.forwarding=1";
    cases.push([
      ["run", "--rm", "--network", `name=full,${ifname}`, "busybox", "true"],
      "unrecognised network interface sysctl 'net.ipv4.conf.eth0.forwarding=1'",
    ]);
    for (const [command, text] of cases) expect(await error(...command)).toContain(text);
    await sleeper("owner", "--network", "full", "--ip", net.replace("0/24", "9"));
    const taken = ["run", "--rm", "--network", "full", "--ip", net.replace("0/24", "9"), "busybox", "true"];
    expect(await error(...taken)).toContain("Address already in use");
    await daemon.must("rm", "-f", "owner");
    await daemon.must("network", "rm", "full");
    await daemon.must("network", "create", "--subnet", subnet().replace("/24", "/30"), "tiny");
    await sleeper("only", "--network", "tiny");
    expect(await error("run", "--rm", "--network", "tiny", "busybox", "true")).toContain(
      "no available IPv4 addresses on this network's address pools: tiny",
    );
    await daemon.must("rm", "-f", "only");
    await daemon.must("network", "rm", "tiny");
  });

  test("a network takes its settings from another one, which stays as long", async () => {
    const net = subnet();
    await daemon.must("network", "create", "--config-only", "--subnet", net, "--label", "a=b", "settings");
    const from = ["network", "create", "--config-from", "settings"];
    expect(await error(...from, "-o", "x=y", "user")).toContain(
      "network driver options are not supported if",
    );
    expect(await error(...from, "--label", "c=d", "user")).toContain("user specified configurations are not");
    await daemon.must(...from, "user");
    const format = "{{(index .IPAM.Config 0).Subnet}} {{.Labels.a}} {{.EnableIPv6}}";
    expect(await daemon.must("network", "inspect", "-f", format, "user")).toBe(`${net} b false`);
    const used = ["run", "--rm", "--network", "settings", "busybox", "true"];
    expect(await error(...used)).toContain("cannot create endpoint on configuration-only network");
    const removal = `error while removing network: configuration network "settings" is in use`;
    expect(await error("network", "rm", "settings")).toContain(removal);
    expect(await daemon.must("network", "prune", "-f")).toContain("user");
    expect(await daemon.must("network", "ls", "-q", "-f", "name=settings")).not.toBe("");
    await daemon.must("network", "rm", "settings");
  });

  test("networks outlive the daemon's death with their containers, and names are answered meanwhile", async () => {
    await daemon.must("network", "create", "kept");
    await sleeper("k1", "--network", "kept");
    await sleeper("k2", "--network", "kept", "--network-alias", "web");
    const before = await daemon.must("inspect", "k1", "-f", "{{json .NetworkSettings.Networks}}");
    const netns = await daemon.inspect("k1", "{{.NetworkSettings.SandboxKey}}");
    const web = await addressIn("k2", "kept");
    await daemon.end("SIGKILL");
    expect(await askedIn(netns, "web")).toContain(web);
    await daemon.launch();
    expect(await daemon.must("inspect", "k1", "-f", "{{json .NetworkSettings.Networks}}")).toBe(before);
    expect(await reaches("k1", "web")).toBe(true);
    await daemon.must("rm", "-f", "k1", "k2");
    await daemon.must("network", "rm", "kept");
  });
});
