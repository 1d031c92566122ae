import { closeSync } from "node:fs";
import { parseIp, sameIp } from "../base/ip.ts";
import type { Logger } from "../base/log.ts";
import { listAddresses } from "../linux/addresses.ts";
import { forgetUdpFlows } from "../linux/conntrack.ts";
import { setHairpin } from "../linux/links.ts";
import type { NetlinkSocket } from "../linux/netlink.ts";
import type { PublishedPort } from "./firewall.ts";
import type { LiveNetwork } from "./live-network.ts";
import { closeSockets, keptPorts, keyOf, PortAllocator, type PortReservation } from "./port-allocator.ts";
import type { PortKeeper } from "./port-keeper.ts";

/** How many flows' worth of work is done at a time: a whole range of ports would keep this process busy for long. */
const flowsAtOnce = 16;

/** The way from the host's ports to the containers: sockets that hold the ports, rules, relays (by who keeps the ports). */
export class PublishedPorts {
  readonly allocator = new PortAllocator();
  readonly #host: NetlinkSocket;
  readonly #log: Logger;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly #keeper: PortKeeper;
  /** Sockets that were kept since an earlier daemon, and that no container has claimed yet. */
  #kept = new Map<string, number>();

  constructor(host: NetlinkSocket, keeper: PortKeeper, log: Logger) {
    this.#host = host;
    this.#keeper = keeper;
    this.#log = log;
  }

  /** Takes up the sockets that were kept since an earlier daemon. */
  async adopt(): Promise<void> {
    this.#kept = await this.#keeper.adopt();
  }

  /** Closes those that belong to no container that is left. */
  async dropUnclaimed(): Promise<void> {
    const unclaimed = [...this.#kept];
    this.#kept.clear();
    await this.#keeper.letGo(unclaimed.map(([key]) => key));
    for (const [, fd] of unclaimed) closeSync(fd);
  }

  /** Opens reserved ports. `link` is the host's end of the container's veth pair. */
  open(reservation: PortReservation, link: string, { row, firewall }: LiveNetwork): void {
    if (reservation.held.length === 0) return;
    firewall?.publish(reservation.ruled, () => this.allocator.ruled(row.id));
    this.#forgetFlows(reservation.ruled.filter(isUdp));
    // Where bridged packets meet the firewall too, a container that calls its own port gets its packets back this way.
    this.#host.request(setHairpin(link));
    // Whoever waits for this is answered first.
    const opened = [...reservation.held];
    setImmediate(() => this.#keeper.keep(keptPorts(opened)));
  }

  /** Closes them, and gives them back: they are free when this resolves. */
  async close(reservation: PortReservation | undefined, network: LiveNetwork | undefined): Promise<void> {
    if (!reservation || reservation.held.length === 0) return;
    const rules = reservation.ruled;
    const closed = reservation.release();
    network?.firewall?.unpublish(rules, () => this.allocator.ruled(network.row.id));
    this.#forgetFlowsLater(rules.filter(isUdp));
    // The keeper may be about to take our descriptors: their numbers must not mean anything else until it has answered.
    await this.#keeper.letGo(closed.map(({ port }) => keyOf(port)));
    closeSockets(closed);
  }

  /** Takes up the ports of a container that runs since before this daemon; its rules come with all others. */
  restore(ports: readonly PublishedPort[]): PortReservation {
    const { reservation, lost } = this.allocator.restore(ports, this.#kept);
    for (const { hostIp, hostPort, protocol } of lost) {
      const port = `${hostIp}:${hostPort}/${protocol}`;
      this.#log.warn("another process listens on the port of a running container", { port });
    }
    this.#keeper.keep(keptPorts(reservation.held));
    return reservation;
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /** A while later, when no namespace is dying any more that the kernel would make this process wait for. */
  #forgetFlowsLater(udp: readonly PublishedPort[]): void {
    if (udp.length === 0) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      const used = this.allocator.hostPorts();
      this.#forgetFlows(udp.filter(({ hostPort }) => !used.has(hostPort)));
    }, 500);
    timer.unref();
    this.#timers.add(timer);
  }

  #forgetFlows(udp: readonly PublishedPort[]): void {
    if (udp.length === 0) return;
    const own = listAddresses(this.#host).map(({ address }) => address);
    const targets = udp.flatMap(({ hostIp, hostPort: port }) => {
      const ip = parseIp(hostIp);
      const isAny = ip?.value === 0n;
      return own
        .filter((one) => one.family === ip?.family && (isAny || sameIp(one, ip)))
        .map((one) => ({ ip: one, port }));
    });
    const next = (from: number) => {
      forgetUdpFlows(targets.slice(from, from + flowsAtOnce));
      if (from + flowsAtOnce < targets.length) setImmediate(next, from + flowsAtOnce);
    };
    next(0);
  }
}

const isUdp = ({ protocol, hostPort }: PublishedPort) => protocol === "udp" && hostPort !== 0;
