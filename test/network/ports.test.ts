import { afterAll, beforeAll, expect, test } from "bun:test";
import type { PortMap } from "../../src/api/endpoints.ts";
import { messageOf } from "../../src/base/errors.ts";
import { Nftables } from "../../src/linux/nftables.ts";
import { writeSysctl } from "../../src/linux/sysctl.ts";
import { IsolatedHost, request, serve, type TestDaemon } from "./isolated-host.ts";

let host: IsolatedHost;
let daemon: TestDaemon;

beforeAll(async () => {
  host = new IsolatedHost();
  daemon = host.daemon("one");
  await daemon.networks.start();
  await daemon.networks.reconcile([]);
});

afterAll(async () => {
  await daemon.networks.shutdown();
  host[Symbol.dispose]();
});

const bind = (HostPort: string, HostIp = "") => [{ HostIp, HostPort }];

/** Connects for the length of `check`. */
async function withPorts(id: string, portBindings: PortMap, check: (ports: PortMap) => unknown = () => {}) {
  const { Ports } = await daemon.networks.connect(request(id, { portBindings }));
  try {
    await check(Ports);
  } finally {
    await daemon.networks.release(id);
  }
}

async function failure(portBindings: PortMap): Promise<string> {
  try {
    await daemon.networks.connect(request("failing", { portBindings }));
  } catch (error) {
    return messageOf(error).replace(/\([0-9a-f]{64}\)/, "(ID)");
  }
  return "no error";
}

const prefix = "driver failed programming external connectivity on endpoint name-of-failing (ID): ";

test("a port that another container has is refused in Docker's words", async () => {
  await withPorts("first", { "80/tcp": bind("8080") }, async () => {
    const allocated = `${prefix}Bind for 0.0.0.0:8080 failed: port is already allocated`;
    expect(await failure({ "80/tcp": bind("8080") })).toBe(allocated);
    expect(await failure({ "80/tcp": bind("8080", "127.0.0.1") })).toBe(
      allocated.replace("0.0.0.0", "127.0.0.1"),
    );
    expect(await failure({ "80/udp": bind("8080") })).toBe("no error");
    await daemon.networks.release("failing");
  });
  expect(await failure({ "80/tcp": bind("8080") })).toBe("no error");
  await daemon.networks.release("failing");
});

test("so is a port that a server of the host has, and nothing half done stays", async () => {
  using _server = serve(undefined, "tcp", 8081, "host", "127.0.0.1");
  const rows = daemon.rows();
  using nft = new Nftables();
  // The guard of the bridge knows the namespaces that are made ahead, too.
  const published = () => ["ip", "ip6"].map((family) => nft.run(`list ruleset ${family}`));
  const rules = published();
  const message = await failure({ "70/tcp": bind("7070"), "80/tcp": bind("8081") });
  expect(message).toMatch(
    /^driver failed .*: failed to bind host port for 0\.0\.0\.0:8081:172\.17\.0\.\d+:80\/tcp: address already in use$/,
  );
  expect(daemon.networks.connection("failing")).toBeUndefined();
  expect(published()).toEqual(rules);
  expect(daemon.rows().filter((row) => !rows.includes(row) && !/^(netns|veth) /.test(row))).toEqual([]);
  await withPorts("after", { "70/tcp": bind("7070") });
});

test("an address that the host does not have is refused", async () => {
  expect(await failure({ "80/tcp": bind("8082", "203.0.113.9") })).toEndWith(
    "cannot assign requested address",
  );
});

test("a range gives the first free port of it, and says when there is none", async () => {
  using _server = serve(undefined, "tcp", 9000, "host");
  await withPorts("one", { "80/tcp": bind("9000-9002", "0.0.0.0") }, async (one) => {
    expect(one["80/tcp"]).toEqual(bind("9001", "0.0.0.0"));
    await withPorts("two", { "80/tcp": bind("9000-9002", "0.0.0.0") }, async (two) => {
      expect(two["80/tcp"]).toEqual(bind("9002", "0.0.0.0"));
      expect(await failure({ "80/tcp": bind("9000-9002") })).toContain("failed");
    });
  });
});

test("a port that nobody chose comes from the host's range, the same for IPv4 and IPv6, and not twice", async () => {
  writeSysctl("net/ipv4/ip_local_port_range", "40000 40003");
  const { Ports } = await daemon.networks.connect(
    request("any", {
      exposedPorts: ["80/tcp", "81/tcp"],
      publishAll: true,
      portBindings: { "82/tcp": bind("") },
    }),
  );
  const chosen = Object.values(Ports).map((bindings) => bindings?.map((binding) => binding.HostPort));
  expect(chosen.every((ports) => ports?.length === 2 && ports[0] === ports[1])).toBe(true);
  expect(new Set(chosen.flat()).size).toBe(3);
  expect(chosen.flat().every((port) => Number(port) >= 40000 && Number(port) <= 40003)).toBe(true);
  await daemon.networks.release("any");
});

test("exposed ports that are not published are listed without a binding", async () => {
  const { Ports } = await daemon.networks.connect(request("exposed", { exposedPorts: ["80/tcp"] }));
  expect(Ports).toEqual({ "80/tcp": null });
  await daemon.networks.release("exposed");
});

test("what is no port is an invalid argument", async () => {
  for (const [key, hostPort] of [
    ["80/icmp", ""],
    ["x/tcp", ""],
    ["80/tcp", "8090-8080"],
    ["80/tcp", "70000"],
  ] as const) {
    const refused = daemon.networks.connect(request("odd", { portBindings: { [key]: bind(hostPort) } }));
    await expect(refused).rejects.toMatchObject({ code: "invalidArgument" });
  }
});
