import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { run, until, untilEmpty } from "../harness/process.ts";
import { ownSubnets } from "../harness/subnets.ts";

const sockets = "/run/docker/plugins";
type Body = Record<string, unknown>;
type Named = { NetworkID: string; EndpointID: string };

/**
 * A plugin that is a driver of networks, of veth pairs and a bridge of its own, and of addresses. It remembers what it
 * has given, and refuses to give it twice.
 */
class TestPlugin {
  readonly name = `lsnet${process.pid}`;
  readonly bridge = `lsp${process.pid}`;
  readonly subnet = ownSubnets()();
  readonly calls: string[] = [];
  readonly published: Body[] = [];
  readonly given = new Set<string>();
  refuses = "";
  #next = 2;
  #server: ReturnType<typeof Bun.serve> | undefined;

  listen(): void {
    mkdirSync(sockets, { recursive: true });
    const fetch = async (request: Request) => {
      // Other daemons of this machine ask every plugin too, some with an empty Host and an empty body.
      const method = new URL(request.url, "http://plugin").pathname.slice(1);
      this.calls.push(method);
      if (method === this.refuses) return Response.json({ Err: "not today" });
      const answer = this.#methods[method];
      if (!answer) return new Response("404 page not found", { status: 404 });
      try {
        return Response.json(await answer(JSON.parse((await request.text()) || "{}") as Body));
      } catch (error) {
        return Response.json({ Err: (error as Error).message });
      }
    };
    this.#server = Bun.serve({ unix: join(sockets, `${this.name}.sock`), fetch });
  }

  async stop(): Promise<void> {
    await this.#server?.stop(true);
    rmSync(join(sockets, `${this.name}.sock`), { force: true });
  }

  address(host: number): string {
    return this.subnet.replace("0/24", String(host));
  }

  #give(what: string): void {
    if (this.given.has(what)) throw new Error(`${what} is given already`);
    this.given.add(what);
  }

  #take(what: string): void {
    if (!this.given.delete(what)) throw new Error(`${what} was not given`);
  }

  readonly #methods: Record<string, (body: Body) => object | Promise<object>> = {
    "Plugin.Activate": () => ({ Implements: ["NetworkDriver", "IpamDriver"] }),
    "IpamDriver.GetDefaultAddressSpaces": () => ({ LocalDefaultAddressSpace: "here" }),
    "IpamDriver.RequestPool": ({ Pool }) => {
      this.#give("pool");
      return { PoolID: "here/1", Pool: Pool || this.subnet };
    },
    "IpamDriver.ReleasePool": () => {
      this.#take("pool");
      return {};
    },
    "IpamDriver.RequestAddress": ({ Address, Options }) => {
      const isGateway = (Options as Body).RequestAddressType === "com.docker.network.gateway";
      const ip = Address || this.address(isGateway ? 254 : this.#next++);
      this.#give(`address ${ip}`);
      return { Address: `${ip}/24` };
    },
    "IpamDriver.ReleaseAddress": ({ Address }) => {
      this.#take(`address ${Address}`);
      return {};
    },
    "NetworkDriver.GetCapabilities": () => ({ Scope: "local" }),
    "NetworkDriver.CreateNetwork": async (body) => {
      const { NetworkID, IPv4Data } = body as { NetworkID: string; IPv4Data: { Gateway: string }[] };
      this.#give(
        `network ${NetworkID} ${JSON.stringify((body.Options as Body)["com.docker.network.generic"])}`,
      );
      await run(["ip", "link", "add", this.bridge, "type", "bridge"]);
      await run(["ip", "addr", "add", IPv4Data[0]?.Gateway ?? "", "dev", this.bridge]);
      await run(["ip", "link", "set", this.bridge, "up"]);
      return {};
    },
    "NetworkDriver.DeleteNetwork": async ({ NetworkID }) => {
      const known = [...this.given].find((one) => one.startsWith(`network ${NetworkID}`));
      this.#take(known ?? "the network");
      await run(["ip", "link", "del", this.bridge]);
      return {};
    },
    "NetworkDriver.CreateEndpoint": (body) => {
      this.#give(`endpoint ${(body as Named).EndpointID}`);
      return {};
    },
    "NetworkDriver.Join": async (body) => {
      const id = (body as Named).EndpointID.slice(0, 7);
      this.#give(`joined ${(body as Named).EndpointID}`);
      await run(["ip", "link", "add", `p${id}`, "type", "veth", "peer", "name", `c${id}`]);
      await run(["ip", "link", "set", `p${id}`, "master", this.bridge, "up"]);
      return {
        InterfaceName: { SrcName: `c${id}`, DstPrefix: "far" },
        Gateway: this.address(254),
        StaticRoutes: [{ Destination: "10.99.0.0/16", RouteType: 0, NextHop: this.address(254) }],
      };
    },
    "NetworkDriver.ProgramExternalConnectivity": (body) => {
      this.#give(`ports of ${(body as Named).EndpointID}`);
      const { "com.docker.network.portmap": map } = body.Options as Record<string, Body[]>;
      if (map?.length) this.published.push(...map);
      return {};
    },
    "NetworkDriver.RevokeExternalConnectivity": (body) => {
      this.#take(`ports of ${(body as Named).EndpointID}`);
      return {};
    },
    "NetworkDriver.Leave": (body) => {
      this.#take(`joined ${(body as Named).EndpointID}`);
      return {};
    },
    "NetworkDriver.DeleteEndpoint": async (body) => {
      const id = (body as Named).EndpointID;
      // It is its own again, under the name that it was made with.
      const { code } = await run(["ip", "link", "del", `c${id.slice(0, 7)}`]);
      if (code !== 0) this.given.add(`the interface of ${id} did not come back`);
      this.#take(`endpoint ${id}`);
      return {};
    },
  };
}

let daemon: TestDaemon;
const plugin = new TestPlugin();
beforeAll(async () => {
  plugin.listen();
  daemon = await TestDaemon.start({ images: ["busybox"] });
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await plugin.stop();
  await run(["ip", "link", "del", plugin.bridge]);
  try {
    rmdirSync(sockets);
  } catch {
    // Plugins of others are there.
  }
});

const sleeper = (name: string, ...flags: string[]) =>
  daemon.must("run", "-d", "--name", name, ...flags, "busybox", "sleep", "1000");
const inside = (name: string, ...command: string[]) => daemon.must("exec", name, ...command);

test("a driver and addresses of plugins: containers reach each other by name, and all is given back", async () => {
  await daemon.must(
    "network",
    "create",
    "-d",
    plugin.name,
    "--ipam-driver",
    plugin.name,
    "-o",
    "speed=1",
    "net",
  );
  expect([...plugin.given].map((one) => one.replace(/[0-9a-f]{64}/, "ID")).sort()).toEqual([
    `address ${plugin.address(254)}`,
    'network ID {"speed":"1"}',
    "pool",
  ]);
  const template =
    "{{.Driver}} {{.IPAM.Driver}} {{(index .IPAM.Config 0).Subnet}} {{(index .IPAM.Config 0).Gateway}}";
  expect(await daemon.must("network", "inspect", "-f", template, "net")).toBe(
    `${plugin.name} ${plugin.name} ${plugin.subnet} ${plugin.address(254)}`,
  );
  await sleeper("one", "--network", "net");
  await sleeper("two", "--network", "net");
  await sleeper("both");
  await daemon.must("network", "connect", "net", "both");
  expect(await inside("one", "ip", "-o", "-4", "addr", "show", "far0")).toContain(`${plugin.address(2)}/24`);
  expect(await inside("one", "ip", "route")).toContain(`10.99.0.0/16 via ${plugin.address(254)} dev far0`);
  expect(await inside("one", "ip", "route")).toContain(`default via ${plugin.address(254)}`);
  await inside("one", "ping", "-c1", "-W2", "two");
  await inside("both", "ping", "-c1", "-W2", "one");
  await daemon.end("SIGKILL");
  await daemon.launch();
  await inside("two", "ping", "-c1", "-W2", "one");
  await daemon.must("network", "disconnect", "net", "both");
  expect(await inside("both", "ip", "addr")).not.toContain("far0");
  await daemon.must("restart", "-t", "0", "two");
  await inside("one", "ping", "-c1", "-W2", "two");
  expect((await daemon.docker("network", "rm", "net")).stderr).toContain("has active endpoints");
  await daemon.must("rm", "-f", "one", "two", "both");
  plugin.refuses = "NetworkDriver.DeleteNetwork";
  expect((await daemon.docker("network", "rm", "net")).stderr).toContain("not today");
  plugin.refuses = "";
  await daemon.must("network", "rm", "net");
  expect([...plugin.given]).toEqual([]);
});

test("what a plugin refuses is told, and nothing is left with it or with us", async () => {
  const create = (...flags: string[]) =>
    daemon.docker("network", "create", "-d", plugin.name, "--ipam-driver", plugin.name, ...flags, "odd");
  for (const method of [
    "IpamDriver.RequestPool",
    "IpamDriver.RequestAddress",
    "NetworkDriver.CreateNetwork",
  ]) {
    plugin.refuses = method;
    expect((await create()).stderr).toContain("not today");
    expect([...plugin.given]).toEqual([]);
  }
  plugin.refuses = "";
  expect((await create()).code).toBe(0);
  const kept = [...plugin.given];
  for (const method of [
    "IpamDriver.RequestAddress",
    "NetworkDriver.CreateEndpoint",
    "NetworkDriver.Join",
    "NetworkDriver.ProgramExternalConnectivity",
  ]) {
    plugin.refuses = method;
    const { stderr, code } = await daemon.docker("run", "--rm", "--network", "odd", "busybox", "true");
    expect([method, code, stderr.includes("not today")]).toEqual([method, 125, true]);
    plugin.refuses = "";
    expect([...plugin.given].filter((one) => !/^the interface/.test(one))).toEqual(kept);
    for (const one of plugin.given) if (/^the interface/.test(one)) plugin.given.delete(one);
  }
  await daemon.must("network", "rm", "odd");
  expect([...plugin.given]).toEqual([]);
  const missing = await daemon.docker("network", "create", "-d", "nosuch", "x");
  expect(missing.stderr).toContain('plugin "nosuch" not found');
  await untilEmpty("nothing is left", async () => (await daemon.leftovers()).containers);
});

test("a driver is told which ports to publish, of the container that it leads out of", async () => {
  await daemon.must("network", "create", "-d", plugin.name, "--ipam-driver", plugin.name, "net");
  await sleeper("web", "--network", "net", "-p", "127.0.0.1:8090:80", "-p", "53/udp");
  const empty = { IP: "", HostPort: 0, HostPortEnd: 0, HostIP: "" };
  expect(plugin.published).toEqual([
    { ...empty, Proto: 17, Port: 53 },
    { ...empty, Proto: 6, Port: 80, HostIP: "127.0.0.1", HostPort: 8090, HostPortEnd: 8090 },
  ]);
  const told = () => [...plugin.given].filter((one) => one.startsWith("ports of")).length;
  expect(told()).toBe(1);
  // Another network leads out, and then again this one.
  await daemon.must("network", "connect", "--gw-priority", "9", "bridge", "web");
  expect(told()).toBe(0);
  await daemon.must("network", "disconnect", "bridge", "web");
  expect(told()).toBe(1);
  await daemon.must("rm", "-f", "web");
  await daemon.must("network", "rm", "net");
  expect([...plugin.given]).toEqual([]);
});

test("what a container had that died with the daemon is given back when the daemon is there again", async () => {
  await daemon.must("network", "create", "-d", plugin.name, "--ipam-driver", plugin.name, "net");
  const kept = [...plugin.given];
  await sleeper("short", "--network", "net");
  const pid = Number(await daemon.inspect("short", "{{.State.Pid}}"));
  await daemon.end("SIGKILL");
  process.kill(pid, "SIGKILL");
  await plugin.stop();
  await daemon.launch();
  plugin.listen();
  await daemon.end("SIGTERM");
  await daemon.launch();
  const left = () => [...plugin.given].filter((one) => !kept.includes(one) && !/^the interface/.test(one));
  await until("all is given back", () => Promise.resolve(left().length === 0));
  for (const one of plugin.given) if (/^the interface/.test(one)) plugin.given.delete(one);
  await daemon.must("rm", "short");
  await daemon.must("network", "rm", "net");
});
