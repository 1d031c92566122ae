import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { sleep } from "../../src/base/async.ts";
import { formatIp } from "../../src/base/ip.ts";
import { inNetns } from "../../src/linux/namespace.ts";
import { Nftables } from "../../src/linux/nftables.ts";
import { writeSysctl } from "../../src/linux/sysctl.ts";
import { linkLocalOf } from "../../src/network/spoof-guard.ts";
import type { Connection } from "../../src/network/types.ts";
import { run, until } from "../harness/process.ts";
import {
  arpReply,
  frameFrom,
  neighbourAdvertisement,
  neighbourSolicitation,
  routerAdvertisement,
  sendFrames,
} from "./forged.ts";
import { ask, IsolatedHost, request, serve, type TestDaemon } from "./isolated-host.ts";

/*
 * What a container of a network can make another one believe. Each attack is tried without rules first, where it has to
 * work: else the test would show nothing.
 */
let host: IsolatedHost;
beforeAll(() => {
  host = new IsolatedHost();
});
afterAll(() => host[Symbol.dispose]());

interface Party {
  netns: string;
  ip: string;
  ip6: string;
  mac: string;
  link: string;
}

interface Scene {
  daemon: TestDaemon;
  victim: Party;
  friend: Party;
  attacker: Party;
  gateway: { ip: string; ip6: string };
}

let scenes = 0;

async function withScene(iptables: boolean, work: (scene: Scene) => Promise<void>): Promise<void> {
  const daemon = host.daemon(`scene${scenes++}`, { iptables });
  const { networks } = daemon;
  await networks.start();
  await networks.reconcile([]);
  await networks.create({ Name: "net", EnableIPv6: true });
  const join = async (name: string) => partyOf(await networks.connect(request(name, { mode: "net" })));
  try {
    const [victim, friend, attacker] = [await join("victim"), await join("friend"), await join("attacker")];
    const { Gateway: ip = "", IPv6Gateway: ip6 = "" } = networks.connection("victim")?.Networks.net ?? {};
    for (const key of ["ipv4/neigh/eth0/locktime", "ipv6/neigh/eth0/locktime", "ipv6/conf/eth0/accept_ra"]) {
      // The victim is as gullible as can be.
      inNetns(victim.netns, () => writeSysctl(`net/${key}`, key.endsWith("ra") ? "2" : "0"));
    }
    await work({ daemon, victim, friend, attacker, gateway: { ip, ip6 } });
  } finally {
    for (const name of ["victim", "friend", "attacker"]) await networks.release(name);
    await networks.remove("net");
    await networks.shutdown();
  }
}

function partyOf({ netnsPath, Networks }: Connection): Party {
  const { IPAddress = "", GlobalIPv6Address = "", MacAddress = "" } = Networks.net ?? {};
  return {
    netns: netnsPath ?? "",
    ip: IPAddress,
    ip6: GlobalIPv6Address,
    mac: MacAddress,
    link: formatIp(linkLocalOf(MacAddress)),
  };
}

const inside = async ({ netns }: Party, ...command: string[]) =>
  (await run(["nsenter", `--net=${netns}`, ...command])).stdout;

/** Where the victim sends what is for `ip`. */
async function believed(victim: Party, ip: string): Promise<string> {
  const line = await inside(victim, "ip", "neigh", "show", "to", ip);
  return /lladdr (\S+)/.exec(line)?.[1] ?? "nothing";
}

/** The victim and `ip` have spoken, so that it knows where that is. */
async function meet(victim: Party, ip: string): Promise<string> {
  await inside(victim, "ping", "-c1", "-W1", ip);
  await ask(victim.netns, "tcp", { ip, port: 9 });
  await until(`${ip} is known`, async () => (await believed(victim, ip)) !== "nothing");
  return await believed(victim, ip);
}

const evil = "02:66:66:66:66:66";

type Attack = (scene: Scene) => { ip: string; frames: Buffer[] };
const attacks: Record<string, Attack> = {
  "an ARP reply for a friend": ({ friend: { ip } }) => ({ ip, frames: [arpReply(ip, evil)] }),
  "an ARP request of a friend": ({ friend: { ip } }) => ({ ip, frames: [arpReply(ip, evil, 1)] }),
  "an ARP reply for the gateway": ({ gateway: { ip } }) => ({ ip, frames: [arpReply(ip, evil)] }),
  "an advertisement for a friend": ({ friend: { ip6 }, attacker }) => ({
    ip: ip6,
    frames: [neighbourAdvertisement(attacker.ip6, ip6, evil)],
  }),
  "an advertisement for a friend's link-local address": ({ friend: { link }, attacker }) => ({
    ip: link,
    frames: [neighbourAdvertisement(attacker.link, link, evil)],
  }),
  "a solicitation of a friend": ({ friend: { ip6 }, victim }) => ({
    ip: ip6,
    frames: [neighbourSolicitation(ip6, victim.ip6, evil)],
  }),
  "an advertisement for the gateway": ({ gateway: { ip6 }, attacker }) => ({
    ip: ip6,
    frames: [neighbourAdvertisement(attacker.ip6, ip6, evil)],
  }),
};

async function outcome(scene: Scene, attack: Attack): Promise<"deceived" | "knows better"> {
  const { victim, attacker } = scene;
  const { ip, frames } = attack(scene);
  const address = ip.startsWith("fe80") ? `${ip}%eth0` : ip;
  if (address === ip) await meet(victim, ip);
  else
    await inside(
      victim,
      "ip",
      "neigh",
      "replace",
      ip,
      "lladdr",
      scene.friend.mac,
      "dev",
      "eth0",
      "nud",
      "reachable",
    );
  const before = await believed(victim, ip);
  for (let round = 0; round < 5; round++) {
    sendFrames(attacker.netns, "eth0", frames);
    await sleep(20);
    if ((await believed(victim, ip)) === evil) return "deceived";
  }
  expect(await believed(victim, ip)).toBe(before);
  return "knows better";
}

describe("who is deceived by", () => {
  for (const [name, attack] of Object.entries(attacks)) {
    test(name, async () => {
      await withScene(false, async (scene) => {
        expect(await outcome(scene, attack)).toBe("deceived");
      });
      await withScene(true, async (scene) => {
        expect(await outcome(scene, attack)).toBe("knows better");
        await run(["nft", "flush", "ruleset"]);
        using nft = new Nftables();
        await until("the rules are back", () =>
          Promise.resolve(nft.run("list ruleset").includes("nd-redirect")),
        );
        expect(await outcome(scene, attack)).toBe("knows better");
      });
    });
  }
});

const routes = (victim: Party) => inside(victim, "ip", "-6", "route", "show", "default");

test("a router advertisement reaches nobody", async () => {
  const advertise = ({ attacker }: Scene) =>
    sendFrames(attacker.netns, "eth0", [routerAdvertisement(attacker.link, attacker.mac)]);
  await withScene(false, async (scene) => {
    advertise(scene);
    await until("the victim believes it", async () =>
      (await routes(scene.victim)).includes(scene.attacker.link),
    );
  });
  await withScene(true, async (scene) => {
    advertise(scene);
    await sleep(100);
    expect(await routes(scene.victim)).not.toContain("fe80");
  });
});

test("a false MAC address leads no frames astray", async () => {
  await withScene(true, async (scene) => {
    const { victim, friend, attacker } = scene;
    using _server = serve(friend.netns, "tcp", 80, "friend");
    const steal = () => sendFrames(attacker.netns, "eth0", [frameFrom(friend.mac)]);
    for (let round = 0; round < 3; round++) {
      steal();
      expect(await ask(victim.netns, "tcp", { ip: friend.ip, port: 80 })).toBe(`friend to ${victim.ip}`);
    }
  });
});

test("an address that nobody has may be taken over, and the next owner's is its own", async () => {
  await withScene(true, async (scene) => {
    const { victim, attacker, daemon } = scene;
    const free = attacker.ip.replace(/\.\d+$/, ".200");
    await inside(
      victim,
      "ip",
      "neigh",
      "replace",
      free,
      "lladdr",
      "02:00:00:00:00:09",
      "dev",
      "eth0",
      "nud",
      "stale",
    );
    sendFrames(attacker.netns, "eth0", [arpReply(free, attacker.mac)]);
    await until("it is believed", async () => (await believed(victim, free)) === attacker.mac);
    const again = await daemon.networks.unplug("friend", "net");
    expect(again.Networks.net).toBeUndefined();
    const { ip } = scene.friend;
    await sleep(600);
    await inside(attacker, "ip", "addr", "add", `${ip}/32`, "dev", "eth0");
    sendFrames(attacker.netns, "eth0", [arpReply(ip, attacker.mac)]);
    await until("the free one is believed", async () => (await meet(victim, ip)) === attacker.mac);
  });
});
