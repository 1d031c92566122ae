import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { sleep } from "../../src/base/async.ts";
import { listLinks } from "../../src/linux/links.ts";
import { mountsBelow } from "../../src/linux/mountinfo.ts";
import { inNetns } from "../../src/linux/namespace.ts";
import { NetlinkSocket } from "../../src/linux/netlink.ts";
import { Nftables } from "../../src/linux/nftables.ts";
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

let host: IsolatedHost;
let count = 0;
let name = "";
const daemons: TestDaemon[] = [];

beforeAll(() => {
  host = new IsolatedHost();
});

afterAll(() => host[Symbol.dispose]());

afterEach(async () => {
  for (const { networks } of daemons.splice(0)) {
    for (const id of Object.keys(networks.inspect("bridge").Containers)) await networks.release(id);
    await networks.shutdown();
  }
});

async function started(live: string[] = []): Promise<TestDaemon> {
  const daemon = host.daemon(name);
  daemons.push(daemon);
  await daemon.networks.start();
  await daemon.networks.reconcile(live);
  return daemon;
}

async function fresh(): Promise<TestDaemon> {
  name = `daemon${count++}`;
  return await started();
}

/** All that a daemon could leave behind on the host. */
function traces() {
  using socket = new NetlinkSocket();
  using nft = new Nftables();
  const links = listLinks(socket).map((link) => link.name);
  return {
    links: links.filter((link) => link !== "lo" && link !== "uplink0"),
    mounts: mountsBelow(join(host.directory, name)),
    rules: nft.run("list ruleset"),
  };
}

const untouched = { links: [], mounts: [], rules: "" };
const port = (hostPort: string) => ({ "80/tcp": [{ HostIp: "", HostPort: hostPort }] });

test("many starts at a time leave nothing behind, and never share an address", async () => {
  const { networks } = await fresh();
  const seen = new Set<string>();
  const start = async (id: string) => {
    const { Networks } = await networks.connect(request(id, { portBindings: port("") }));
    const address = Networks.bridge?.IPAddress ?? "";
    expect(seen.has(address)).toBe(false);
    seen.add(address);
    await sleep(5);
    seen.delete(address);
    await networks.release(id);
  };
  for (let round = 0; round < 5; round++) {
    await Promise.all(Array.from({ length: 8 }, (_, at) => start(`${round}-${at}`)));
  }
  await networks.shutdown();
  const daemon = daemons.pop();
  expect(daemon?.rows()).toEqual([]);
  expect(traces()).toEqual(untouched);
});

test("an address goes to the next container only when its last owner is out of the kernel", async () => {
  const { networks } = await fresh();
  for (let round = 0; round < 10; round++) {
    const { Networks, netnsPath } = await networks.connect(request(`quick${round}`));
    const mac = Networks.bridge?.MacAddress ?? "";
    // The MAC address follows from the IP address; those that were released before may not be gone yet.
    const owners = readdirSync(join(host.directory, name, "netns")).filter((pin) => macIn(pin) === mac);
    expect(owners).toEqual([basename(netnsPath ?? "")]);
    await networks.release(`quick${round}`);
  }
});

function macIn(pin: string): string | undefined {
  return inNetns(join(host.directory, name, "netns", pin), () => {
    using inside = new NetlinkSocket();
    return listLinks(inside).find((link) => link.name === "eth0")?.mac;
  });
}

test("after kill -9 ports stay open, and the next daemon keeps the living and drops the dead", async () => {
  name = `daemon${count++}`;
  const script = join(import.meta.dir, "crashing-daemon.ts");
  const paths = [join(host.directory, name), `${host.directory}/${name}.db`];
  const process_ = Bun.spawn([process.execPath, script, ...paths], { stdout: "pipe", stderr: "inherit" });
  const first = await process_.stdout.getReader().read();
  const [survivor, casualty] = JSON.parse(Buffer.from(first.value ?? []).toString()) as [
    Connection,
    Connection,
  ];
  process_.kill("SIGKILL");
  await process_.exited;
  const server = serve(survivor.netnsPath, "tcp", 80, "survivor");
  expect(await ask(host.outside, "tcp", { ip: hostAddress, port: 8080 })).toBe(
    `survivor to ${outsideAddress}`,
  );

  const daemon = await started(["survivor"]);
  expect(daemon.networks.connection("survivor")).toEqual(survivor);
  expect(daemon.networks.connection("casualty")).toBeUndefined();
  expect(existsSync(casualty.netnsPath ?? "")).toBe(false);
  expect(await ask(host.outside, "tcp", { ip: hostAddress, port: 8080 })).toBe(
    `survivor to ${outsideAddress}`,
  );
  expect(await ask(undefined, "tcp", { ip: "::1", port: 8080 })).toStartWith("survivor");
  expect(await ask(host.outside, "tcp", { ip: hostAddress, port: 8081 })).toBe("ECONNREFUSED");
  // The survivor's port and address are still its own; the casualty's are free.
  await expect(daemon.networks.connect(request("new", { portBindings: port("8080") }))).rejects.toThrow(
    "already allocated",
  );
  const next = await daemon.networks.connect(request("new", { portBindings: port("8081") }));
  expect(next.Networks.bridge?.IPAddress).not.toBe(survivor.Networks.bridge?.IPAddress);
  server[Symbol.dispose]();
});

test("a daemon that ends while a container runs leaves it its network, and takes it up again", async () => {
  const before = await fresh();
  const web = await before.networks.connect(request("web", { portBindings: port("8080") }));
  const server = serve(web.netnsPath, "tcp", 80, "web");
  await before.networks.shutdown();
  daemons.length = 0;
  expect(await ask(host.outside, "tcp", { ip: hostAddress, port: 8080 })).toBe(`web to ${outsideAddress}`);
  const after = await started(["web"]);
  expect(after.networks.connection("web")).toEqual(web);
  server[Symbol.dispose]();
  await after.networks.release("web");
  await after.networks.shutdown();
  daemons.length = 0;
  expect(after.rows()).toEqual([]);
  expect(traces()).toEqual(untouched);
});

test("what a container left open keeps neither its address nor its interface for long", async () => {
  const { networks, resources } = await fresh();
  const { netnsPath } = await networks.connect(request("leaky"));
  using _held = serve(netnsPath, "tcp", 80, "held");
  const [link] = resources.ofOwner("leaky").filter(({ kind }) => kind === "veth");
  await networks.release("leaky");
  await networks.reconcile([]);
  expect(traces().links).not.toContain(link?.key);
  expect(resources.ofOwner("leaky")).toEqual([]);
});
