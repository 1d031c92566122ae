import { Database } from "bun:sqlite";
import { afterAll, beforeAll, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { listLinks } from "../../src/linux/links.ts";
import { NetlinkSocket } from "../../src/linux/netlink.ts";
import { Nftables } from "../../src/linux/nftables.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { type Finished, run, untilEmpty } from "../harness/process.ts";
import { TestRegistry } from "../harness/registry.ts";
import { IsolatedHost } from "./isolated-host.ts";
import { importBusybox } from "./local-image.ts";

/** `LONGSHORE_CHAOS_ROUNDS=100` is the whole test. */
const rounds = Number(process.env.LONGSHORE_CHAOS_ROUNDS ?? 4);
const longestMillis = 250;

/* The host has no other daemon: whatever is in its network is this one's. */
let host: IsolatedHost;
let daemon: TestDaemon;
let registry: TestRegistry;
const folder = mkdtempSync("/tmp/longshore-network-chaos-");

beforeAll(async () => {
  registry = await TestRegistry.start();
  host = new IsolatedHost();
  daemon = await TestDaemon.start({ registry });
  await importBusybox(daemon, folder);
});
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  host?.[Symbol.dispose]();
  await registry?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** What is there, and what rows there are of it; each as `kind name`. */
function things(): { real: Set<string>; rows: Set<string> } {
  using socket = new NetlinkSocket();
  using nft = new Nftables();
  const links = listLinks(socket).filter(({ kind }) => kind === "bridge" || kind === "veth");
  const tables = [...new Set(nft.list("list tables").flatMap(({ table }) => (table ? [table.name] : [])))];
  const netns = join(daemon.execRoot, "netns");
  using database = new Database(join(daemon.dataRoot, "longshore.db"), { readonly: true });
  const kinds = "'veth', 'bridge', 'netns', 'nftTable'";
  const rows = database
    .query(`SELECT kind || ' ' || key AS text FROM resources WHERE kind IN (${kinds})`)
    .all() as { text: string }[];
  return {
    real: new Set([
      ...links.filter(({ name }) => name !== "uplink0").map(({ kind, name }) => `${kind} ${name}`),
      // The administrator's own table has no owner.
      ...tables.filter((name) => name !== "longshore").map((name) => `nftTable ${name}`),
      ...readdirSync(netns).map((name) => `netns ${join(netns, name)}`),
    ]),
    rows: new Set(rows.map(({ text }) => text)),
  };
}

interface Told {
  Id: string;
  Name: string;
  State: { Running: boolean; Pid: number };
  NetworkSettings: { Networks: Record<string, { IPAddress: string; GlobalIPv6Address: string }> };
}

async function running(): Promise<Told[]> {
  const ids = (await daemon.must("ps", "-q", "--no-trunc")).split("\n").filter(Boolean);
  return ids.length === 0 ? [] : JSON.parse(await daemon.must("inspect", ...ids));
}

/** Addresses in the namespace of a process, but for those that every interface gives itself. */
async function addressesOf(pid: number): Promise<string[]> {
  const { stdout } = await run(["nsenter", "-t", String(pid), "-n", "ip", "-o", "addr"]);
  const all = [...stdout.matchAll(/inet6? ([^/ ]+)/g)].map(([, address]) => address ?? "");
  return all.filter((address) => address !== "127.0.0.1" && address !== "::1" && !address.startsWith("fe80"));
}

/** Where rows, kernel and answers differ. */
async function lies(): Promise<string[]> {
  const { real, rows } = things();
  const found = [
    ...[...real].filter((one) => !rows.has(one)).map((one) => `no row of ${one}`),
    ...[...rows].filter((one) => !real.has(one)).map((one) => `only a row of ${one}`),
  ];
  const networks = (
    await daemon.must("network", "ls", "--filter", "driver=bridge", "--format", "{{.ID}}")
  ).split("\n");
  const bridges = [...real].filter((one) => one.startsWith("bridge "));
  if (bridges.length !== networks.length)
    found.push(`${networks.length} networks, but ${bridges.join(", ")}`);
  for (const { Name, State, NetworkSettings } of await running()) {
    const told = Object.values(NetworkSettings.Networks).flatMap((one) => [
      one.IPAddress,
      one.GlobalIPv6Address,
    ]);
    const has = await addressesOf(State.Pid);
    const missing = told.filter((ip) => ip !== "" && !has.includes(ip));
    const more = has.filter((ip) => !told.includes(ip));
    if (missing.length + more.length > 0)
      found.push(`${Name} lacks ${missing.join(" ")} and has ${more.join(" ")}`);
  }
  return found;
}

/** Everything that changes networks, at once; what the clients say does not matter. */
function work(round: number): Promise<Finished[]> {
  const docker = (...args: string[]) => daemon.docker(...args);
  const net = (number: number) => `net-${number}`;
  const chain = async (...steps: string[][]) => {
    let last = await docker("version");
    for (const step of steps) last = await docker(...step);
    return last;
  };
  return Promise.all([
    chain(
      ["network", "create", net(round)],
      ["network", "connect", net(round), "steady"],
      ["network", "rm", "-f", net(round - 3)],
    ),
    chain(["network", "create", `brief-${round}`], ["network", "rm", `brief-${round}`]),
    chain(
      ["network", "disconnect", net(round - 1), "steady"],
      ["network", "connect", "--alias", "also", net(round - 1), "steady"],
    ),
    chain([
      "run",
      "-d",
      "--name",
      `on-${round}`,
      "--network",
      net(round - 1),
      "-p",
      "127.0.0.1::80",
      "busybox",
      "sleep",
      "600",
    ]),
    chain(["rm", "-f", `on-${round - 1}`], ["network", "disconnect", net(round - 2), "steady"]),
    chain(["run", "--rm", "busybox", "sh", "-c", "exit 0"]),
  ]);
}

test(
  "kill -9 in the middle of network create, connect, disconnect and rm leaves nothing, and every row is true",
  async () => {
    await daemon.must("network", "create", "home");
    await daemon.must("run", "-d", "--name", "steady", "--network", "home", "busybox", "sleep", "6000");
    await daemon.must("run", "-d", "--name", "friend", "--network", "home", "busybox", "sleep", "6000");
    for (let round = 0; round < rounds; round++) {
      const moment = Math.random() * longestMillis;
      const working = work(round);
      await Bun.sleep(moment);
      await daemon.end("SIGKILL");
      await working;
      await daemon.launch();
      await untilEmpty(
        `rows and kernel agree in round ${round}, a kill after ${Math.round(moment)} ms`,
        lies,
        20,
      );
      await daemon.must("exec", "friend", "ping", "-c1", "-W2", "steady");
    }
    const ids = (await daemon.must("ps", "-aq")).split("\n");
    await daemon.must("rm", "-f", ...ids);
    await daemon.must("network", "prune", "-f");
    await untilEmpty("nothing of them is left", async () => [
      ...(await lies()),
      ...(await daemon.leftovers()).containers,
      ...(await daemon.must("network", "ls", "-q", "--filter", "type=custom")).split("\n").filter(Boolean),
    ]);
  },
  20_000 + rounds * 10_000,
);
