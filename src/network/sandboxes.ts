import { mkdirSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { nextTurn, sleep } from "../base/async.ts";
import { newId, shortId } from "../base/ids.ts";
import type { Logger } from "../base/log.ts";
import { deleteLink, findLink, linkMac, linkUp, moveLink } from "../linux/links.ts";
import { mount, mountFlags, setPropagation, unmount } from "../linux/mount.ts";
import { isMountPoint } from "../linux/mountinfo.ts";
import { createNetns, createOwnedNetns, inNetns, removeNetns } from "../linux/namespace.ts";
import { NetlinkSocket } from "../linux/netlink.ts";
import type { IdMaps, NamespaceOwner } from "../linux/user-namespace.ts";
import type { Resource, ResourceTable } from "../store/resources.ts";
import type { LiveNetwork, Wire } from "./live-network.ts";
import { pinTo, withThisNetns } from "./plug.ts";

/** A network namespace, and the interface that it was made with. */
export interface Sandbox {
  id: string;
  netns: string;
  wire?: Wire;
}

/** What is done in a namespace when it is made. */
export interface SandboxKind {
  /** It is tied to this network from the beginning. */
  network?: LiveNetwork;
  /** The user namespace that it belongs to; undefined: as the daemon is set. */
  owner?: NamespaceOwner | "host" | undefined;
  /** Runs inside, last. */
  prepare?(inside: NetlinkSocket): void;
}

/** What is left of a sandbox that nobody needs any more. */
interface Remains {
  netns: string;
  /** The host's ends of its interfaces. */
  links: readonly string[];
  /** Gives the addresses back, when nothing answers to them any more. */
  free?(): void;
}

interface Dying {
  remains: Remains;
  since: number;
  /** The file that keeps it alive is still there. */
  pinned: boolean;
}

/** How long a namespace that nobody needs may keep its interface, before that is deleted by hand. */
const lingerMillis = 2000;

/**
 * Makes network namespaces and lets them die. A namespace takes its interfaces along when it dies, some milliseconds
 * after its last process; only then its addresses may be given to the next one, and its rows go.
 */
export class Sandboxes {
  readonly #resources: ResourceTable;
  readonly #directory: string;
  readonly #host: NetlinkSocket;
  readonly #log: Logger;
  readonly #owner: IdMaps | undefined;
  /** Made by this process, and not retired. */
  readonly #alive = new Set<string>();
  readonly #dying = new Map<string, Dying>();
  #reaping: Promise<void> = Promise.resolve();
  #isReaping = false;

  /** `owner`: the maps of the user namespaces that the network namespaces belong to; the host's own when absent. */
  constructor(
    resources: ResourceTable,
    directory: string,
    host: NetlinkSocket,
    log: Logger,
    owner: IdMaps | undefined,
  ) {
    this.#owner = owner;
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

  /** A namespace with the loopback interface, and what its kind adds to that; about 2 ms. */
  make(kind: SandboxKind, wire?: Omit<Wire, "link">): Sandbox {
    const id = newId();
    const sandbox: Sandbox = { id, netns: join(this.#directory, shortId(id)) };
    const { network } = kind;
    if (network && wire) sandbox.wire = { ...wire, link: network.hasHostEnd ? linkName(id) : "" };
    this.#resources.claim(...resourcesOf(sandbox, ""));
    try {
      const furnish = () => {
        using inside = new NetlinkSocket();
        inside.request(linkUp("lo"));
        if (network && sandbox.wire) network.plug(sandbox.wire, inside);
        kind.prepare?.(inside);
      };
      const owner = kind.owner ?? this.#owner;
      if (owner === undefined || owner === "host") createNetns(sandbox.netns, furnish);
      else createOwnedNetns(sandbox.netns, owner, furnish);
      this.#alive.add(sandbox.netns);
    } catch (error) {
      this.retire(remainsOf(sandbox));
      throw error;
    }
    return sandbox;
  }

  /** Ties a namespace to one more network. The interface's row is written first; who fails takes it back. */
  plug(sandbox: Sandbox, network: LiveNetwork, wire: Wire, owner: string): void {
    if (wire.link !== "") this.#resources.claim({ kind: "veth", key: wire.link, owner });
    this.inside(sandbox.netns, (inside) => network.plug(wire, inside));
  }

  /** Takes one interface away, while the namespace lives on; 20 ms. */
  unplug(netns: string, { link, ifname }: Pick<Wire, "link" | "ifname">): void {
    if (link === "") this.inside(netns, (inside) => void deleteLink(inside, ifname));
    else {
      deleteLink(this.#host, link);
      this.#resources.release({ kind: "veth", key: link });
    }
  }

  /** Gives an interface back to the host, under its name there; nothing happens when it is gone. */
  returnLink(netns: string, { ifname, source }: { ifname: string; source: string }): void {
    withThisNetns((netnsFd) =>
      this.inside(netns, (inside) => {
        const link = findLink(inside, ifname);
        if (link) inside.request(moveLink(link.index, { name: source, netnsFd }));
      }),
    );
  }

  /** Runs `work` inside a namespace, with a socket of it. */
  inside<T>(netns: string, work: (inside: NetlinkSocket) => T): T {
    return inNetns(netns, () => {
      using inside = new NetlinkSocket();
      return work(inside);
    });
  }

  /** Gives the interface that the sandbox was made with another MAC address than its own. */
  changeMac({ netns, wire }: Sandbox, mac: string): void {
    if (!wire) return;
    this.inside(netns, (inside) => inside.request(linkMac(wire.ifname, mac)));
    if (wire.link !== "") pinTo(this.#host, wire.link, mac);
    wire.mac = mac;
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

  /** Retires what the rows and the directory hold, but neither `kept` (paths, and their links) nor this process made. */
  retireOrphans(kept: ReadonlyMap<string, readonly string[]>): void {
    const links = Map.groupBy(
      this.#resources.ofKind("veth").map(({ key }) => key),
      stem,
    );
    const pins = readdirSync(this.#directory).map((name) => join(this.#directory, name));
    const rows = this.#resources.ofKind("netns").map(({ key }) => key);
    for (const netns of new Set([...pins, ...rows])) {
      const name = linkName(basename(netns));
      const mine = links.get(name) ?? [];
      links.delete(name);
      if (this.#alive.has(netns)) continue;
      const used = kept.get(netns);
      if (!used) this.retire({ netns, links: mine });
      // A connection that was cut off before it had a row of its own.
      else
        for (const link of mine.filter((one) => !used.includes(one)))
          this.unplug(netns, { link, ifname: "" });
    }
    // Rows of interfaces whose namespace has no row any more.
    for (const [name, all] of links) this.retire({ netns: join(this.#directory, name), links: all });
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

  #isGone({ links, netns }: Remains, since: number): boolean {
    const there = links.filter((name) => findLink(this.#host, name));
    if (there.length === 0) return true;
    if (performance.now() - since < lingerMillis) return false;
    this.#log.warn("a network namespace outlives its container; its interface is deleted", { netns });
    for (const name of there) deleteLink(this.#host, name);
    return true;
  }

  #buried(all: readonly Remains[]): void {
    if (all.length === 0) return;
    this.#resources.release(...all.flatMap((remains) => rowsOf(remains, "")));
    for (const { netns, free } of all) {
      this.#dying.delete(netns);
      free?.();
    }
  }
}

/** The host's ends carry the beginning of the namespace's name, so that one leads to the other. */
export const linkName = (id: string, number = 0) =>
  `veth${id.slice(0, 7)}${number === 0 ? "" : `-${number}`}`;

const stem = (link: string) => link.replace(/-\d+$/, "");

export function remainsOf({ netns, wire }: Sandbox, free?: () => void): Remains {
  return { netns, links: wire && wire.link !== "" ? [wire.link] : [], ...(free && { free }) };
}

const resourcesOf = (sandbox: Sandbox, owner: string) => rowsOf(remainsOf(sandbox), owner);

function rowsOf({ netns, links }: Remains, owner: string): Resource[] {
  return [
    { kind: "netns", key: netns, owner },
    ...links.map((key) => ({ kind: "veth" as const, key, owner })),
  ];
}
