import { isIPv6 } from "node:net";
import { parseIp } from "../base/ip.ts";
import type { Logger } from "../base/log.ts";
import { listAddresses } from "../linux/addresses.ts";
import { forgetUdpFlows } from "../linux/conntrack.ts";
import { setHairpin } from "../linux/links.ts";
import type { NetlinkSocket } from "../linux/netlink.ts";
import type { PublishedPort } from "./firewall.ts";
import type { LiveNetwork } from "./live-network.ts";
import { PortAllocator, type PortReservation } from "./port-allocator.ts";

/** How many flows' worth of work is done at a time: a whole range of ports would keep this process busy for long. */
const flowsAtOnce = 16;

/** The way from the host's ports to the containers: sockets that hold the ports, rules, relays. */
export class PublishedPorts {
  readonly allocator = new PortAllocator();
  readonly #host: NetlinkSocket;
  readonly #log: Logger;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  constructor(host: NetlinkSocket, log: Logger) {
    this.#host = host;
    this.#log = log;
  }

  /** Opens reserved ports. `link` is the host's end of the container's veth pair. `relaying`: they are relayed already. */
  open(
    reservation: PortReservation,
    link: string,
    { row, firewall }: LiveNetwork,
    { relaying = false } = {},
  ): void {
    if (reservation.held.length === 0) return;
    firewall?.publish(reservation.ruled, () => this.allocator.ruled(row.id));
    this.#forgetFlows(reservation.ruled.filter(isUdp));
    // Where bridged packets meet the firewall too, a container that calls its own port gets its packets back this way.
    this.#host.request(setHairpin(link));
    // What has been released by then has nothing to relay.
    const opened = [...reservation.held];
    if (!relaying) setImmediate(() => reservation.relay(opened));
  }

  /** Closes them, and gives them back: they are free when this returns. */
  close(reservation: PortReservation | undefined, network: LiveNetwork | undefined): void {
    if (!reservation || reservation.held.length === 0) return;
    const rules = reservation.ruled;
    reservation[Symbol.dispose]();
    network?.firewall?.unpublish(rules, () => this.allocator.ruled(network.row.id));
    this.#forgetFlowsLater(rules.filter(isUdp));
  }

  /** Takes up the ports of a container that runs since before this daemon; its rules come with all others. */
  restore(ports: readonly PublishedPort[]): PortReservation {
    const { reservation, lost } = this.allocator.restore(ports);
    for (const { hostIp, hostPort, protocol } of lost) {
      const port = `${hostIp}:${hostPort}/${protocol}`;
      this.#log.warn("another process listens on the port of a running container", { port });
    }
    reservation.relay();
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
    const own = listAddresses(this.#host)
      .map(({ address }) => address)
      .filter(({ family }) => family === 4);
    const targets = udp.flatMap(({ hostIp, hostPort: port }) => {
      const one = hostIp === "0.0.0.0" ? undefined : parseIp(hostIp);
      return (one === undefined ? own : [one]).map((ip) => ({ ip, port }));
    });
    const next = (from: number) => {
      forgetUdpFlows(targets.slice(from, from + flowsAtOnce));
      if (from + flowsAtOnce < targets.length) setImmediate(next, from + flowsAtOnce);
    };
    next(0);
  }
}

/** Of IPv4: a flow of IPv6 to a container ends by its time. */
const isUdp = ({ protocol, hostIp }: PublishedPort) => protocol === "udp" && !isIPv6(hostIp);
