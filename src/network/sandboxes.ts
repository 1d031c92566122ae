import { closeSync, constants, mkdirSync, openSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { nextTurn, sleep } from "../base/async.ts";
import { newId, shortId } from "../base/ids.ts";
import { type Cidr, type IPv4, ipv4Bytes } from "../base/ipv4.ts";
import type { Logger } from "../base/log.ts";
import { addAddress, addDefaultRoute } from "../linux/addresses.ts";
import { createVeth, deleteLink, findLink, linkMac, linkUp, withoutLinkLocal } from "../linux/links.ts";
import { mount, mountFlags, setPropagation, unmount } from "../linux/mount.ts";
import { isMountPoint } from "../linux/mountinfo.ts";
import { createNetns, inNetns, removeNetns } from "../linux/namespace.ts";
import { NetlinkSocket } from "../linux/netlink.ts";
import { readSysctl, writeSysctl } from "../linux/sysctl.ts";
import type { Resource, ResourceTable } from "../store/resources.ts";
import type { AddressPool } from "./address-pool.ts";

/** A network namespace, and how it is tied to the default bridge. */
export interface Sandbox {
  id: string;
  netns: string;
  link?: { name: string; address: Cidr; mac: string };
}

/** What is left of a sandbox that nobody needs any more. */
interface Remains {
  netns: string;
  link?: { name: string; address?: Cidr };
}

interface Dying {
  remains: Remains;
  since: number;
  /** The file that keeps it alive is still there. */
  pinned: boolean;
}

export interface BridgePort {
  /** The bridge's interface index. */
  index: number;
  gateway: IPv4;
  mtu: number;
  addresses: AddressPool;
}

/** A locally administered MAC address that follows from the IP address, so that neighbours never hold a stale one. */
export function macOf(address: IPv4): string {
  return `02:42:${Array.from(ipv4Bytes(address), (byte) => byte.toString(16).padStart(2, "0")).join(":")}`;
}

/** How long a namespace that nobody needs may keep its interface, before that is deleted by hand. */
const lingerMillis = 2000;

/**
 * Makes network namespaces and lets them die. A namespace takes its interface along when it dies, some milliseconds
 * after its last process; only then its address may be given to the next one, and its rows go.
 */
export class Sandboxes {
  readonly #resources: ResourceTable;
  readonly #directory: string;
  readonly #host: NetlinkSocket;
  readonly #log: Logger;
  /** Made by this process, and not retired. */
  readonly #alive = new Set<string>();
  readonly #dying = new Map<string, Dying>();
  #reaping: Promise<void> = Promise.resolve();
  #isReaping = false;
  bridge: BridgePort | undefined;

  constructor(resources: ResourceTable, directory: string, host: NetlinkSocket, log: Logger) {
    this.#resources = resources;
    this.#directory = directory;
    this.#host = host;
    this.#log = log;
  }

  /**
   * Makes the directory a shared mount: when somebody's mount namespace has got a copy of our pins, taking one away
   * here takes it away there too, and the network namespace can die.
   */
  open(): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o711 });
    if (isMountPoint(this.#directory)) return;
    this.#resources.claim({ kind: "mount", key: this.#directory, owner: "" });
    mount(this.#directory, this.#directory, null, mountFlags.bind);
    setPropagation(this.#directory, "private");
    setPropagation(this.#directory, "shared");
  }

  close(): void {
    unmount(this.#directory, { detach: true });
    this.#resources.release({ kind: "mount", key: this.#directory });
  }

  /** A namespace with the loopback interface, and with `eth0` at the bridge where that is asked for; about 2 ms. */
  make(atBridge: boolean): Sandbox {
    const id = newId();
    const sandbox: Sandbox = { id, netns: join(this.#directory, shortId(id)) };
    if (atBridge && this.bridge) {
      const address = this.bridge.addresses.take();
      sandbox.link = { name: linkName(id), address, mac: macOf(address.address) };
    }
    this.#resources.claim(...resourcesOf(sandbox, ""));
    try {
      createNetns(sandbox.netns, () => this.#furnish(sandbox));
      this.#alive.add(sandbox.netns);
    } catch (error) {
      this.retire(sandbox);
      throw error;
    }
    return sandbox;
  }

  /** Runs inside the new namespace. */
  #furnish({ link }: Sandbox): void {
    using inside = new NetlinkSocket();
    if (!link || !this.bridge) {
      inside.request(linkUp("lo"));
      return;
    }
    const { index, gateway, mtu } = this.bridge;
    const ipv6 = readSysctl("net/ipv6/conf/default/disable_ipv6") !== undefined;
    const here = openSync("/proc/thread-self/ns/net", constants.O_RDONLY);
    try {
      const peer = { name: "eth0", netnsFd: here, mac: link.mac };
      this.#host.request(
        createVeth({ name: link.name, master: index, peer, mtu }),
        ...(ipv6 ? [withoutLinkLocal(link.name)] : []),
        linkUp(link.name),
      );
    } finally {
      closeSync(here);
    }
    // An interface of a network without IPv6 has none, as in Docker.
    if (ipv6) writeSysctl("net/ipv6/conf/eth0/disable_ipv6", "1");
    const eth0 = findLink(inside, "eth0");
    if (!eth0) throw new Error("eth0 is missing in a new network namespace");
    inside.request(
      linkUp("lo"),
      addAddress(eth0.index, link.address),
      linkUp("eth0"),
      addDefaultRoute(gateway),
    );
  }

  /** Gives the sandbox's interface another MAC address than its own. */
  changeMac(sandbox: Sandbox, mac: string): void {
    if (!sandbox.link) return;
    inNetns(sandbox.netns, () => {
      using inside = new NetlinkSocket();
      inside.request(linkMac("eth0", mac));
    });
    sandbox.link.mac = mac;
  }

  /** Hands the sandbox's rows over to `owner`. */
  assign(sandbox: Sandbox, owner: string): void {
    this.#resources.claim(...resourcesOf(sandbox, owner));
  }

  /** Lets the namespace die; returns at once. */
  retire(remains: Remains): void {
    if (this.#dying.has(remains.netns)) return;
    this.#alive.delete(remains.netns);
    this.#dying.set(remains.netns, { remains, since: performance.now(), pinned: true });
    if (this.#isReaping) return;
    this.#isReaping = true;
    this.#reaping = this.#reap()
      // Whatever stays has its rows, and the next daemon tries again.
      .catch((error) => this.#log.error("network namespaces were left behind", { error }))
      .finally(() => {
        this.#isReaping = false;
      });
  }

  /** Retires what the rows and the directory hold, but neither `kept` (paths) nor this process made. */
  retireOrphans(kept: ReadonlySet<string>): void {
    const links = new Set(this.#resources.ofKind("veth").map(({ key }) => key));
    const pins = readdirSync(this.#directory).map((name) => join(this.#directory, name));
    const rows = this.#resources.ofKind("netns").map(({ key }) => key);
    for (const netns of new Set([...pins, ...rows])) {
      const name = linkName(basename(netns));
      const mine = links.delete(name);
      if (kept.has(netns) || this.#alive.has(netns)) continue;
      this.retire(mine ? { netns, link: { name } } : { netns });
    }
    // Rows of interfaces whose namespace has no row any more.
    for (const name of links) this.retire({ netns: join(this.#directory, name), link: { name } });
  }

  /** Resolves when every retired namespace's interface is gone. */
  settled(): Promise<void> {
    return this.#reaping;
  }

  async #reap(): Promise<void> {
    // Taking a pin away waits for the kernel for milliseconds: whoever caused this is answered first.
    await nextTurn();
    for (let wait = 10; this.#dying.size > 0; wait = Math.min(wait * 1.5, 100)) {
      this.#unpin();
      await sleep(wait);
      const gone: Remains[] = [];
      for (const { remains, since, pinned } of this.#dying.values()) {
        if (!pinned && this.#isGone(remains, since)) gone.push(remains);
      }
      if (gone.length > 0) wait = 10;
      this.#buried(gone);
    }
  }

  #unpin(): void {
    for (const dying of this.#dying.values()) {
      if (!dying.pinned) continue;
      removeNetns(dying.remains.netns);
      dying.pinned = false;
    }
  }

  #isGone({ link, netns }: Remains, since: number): boolean {
    if (!link || !findLink(this.#host, link.name)) return true;
    if (performance.now() - since < lingerMillis) return false;
    this.#log.warn("a network namespace outlives its container; its interface is deleted", { netns });
    deleteLink(this.#host, link.name);
    return true;
  }

  #buried(all: readonly Remains[]): void {
    if (all.length === 0) return;
    this.#resources.release(...all.flatMap((remains) => resourcesOf(remains, "")));
    for (const { netns, link } of all) {
      this.#dying.delete(netns);
      if (link?.address) this.bridge?.addresses.free(link.address.address);
    }
  }
}

/** The host's end carries the beginning of the namespace's name, so that one leads to the other. */
const linkName = (id: string) => `veth${id.slice(0, 7)}`;

function resourcesOf({ netns, link }: Remains, owner: string): Resource[] {
  const rows: Resource[] = [{ kind: "netns", key: netns, owner }];
  if (link) rows.push({ kind: "veth", key: link.name, owner });
  return rows;
}
