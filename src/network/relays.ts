import { closeSync } from "node:fs";
import { isIPv6 } from "node:net";
import { duplicate } from "../linux/fd.ts";
import type { KeptPort } from "./port-keeper.ts";
import { relayTcp, relayUdp } from "./relay.ts";

interface Relay {
  /** What it is and where it leads, to see whether it is the same one. */
  identity: string;
  /** A duplicate of the socket, for who takes it over. */
  fd: number;
  relay: Disposable;
}

/** Ports of the host that this process keeps open and relays, by their keys. */
export class Relays implements Disposable {
  readonly #relays = new Map<string, Relay>();

  get isIdle(): boolean {
    return this.#relays.size === 0;
  }

  /** Keeps a port. `open` gives its socket, which is ours from then on; it is not called for one that is kept already. */
  keep({ key, transport, hostIp, target }: KeptPort, open: () => number): void {
    const identity = `${transport} ${hostIp} ${target.ip} ${target.port}`;
    if (this.#relays.get(key)?.identity === identity) return;
    this.drop(key);
    const fd = open();
    const family = isIPv6(hostIp) ? "udp6" : "udp4";
    const kept = duplicate(fd);
    const relay = transport === "udp" ? relayUdp(fd, family, target) : relayTcp(fd, target);
    this.#relays.set(key, { identity, fd: kept, relay });
  }

  /** The port is free when this returns. */
  drop(key: string): void {
    const known = this.#relays.get(key);
    if (!known) return;
    this.#relays.delete(key);
    known.relay[Symbol.dispose]();
    closeSync(known.fd);
  }

  /** The sockets' descriptors in this process, by the ports' keys. */
  sockets(): Record<string, number> {
    return Object.fromEntries(Array.from(this.#relays, ([key, { fd }]) => [key, fd]));
  }

  [Symbol.dispose](): void {
    for (const key of [...this.#relays.keys()]) this.drop(key);
  }
}
