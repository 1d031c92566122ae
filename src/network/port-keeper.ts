import { duplicate } from "../linux/fd.ts";
import type { InetAddress, Transport } from "../linux/inet-socket.ts";
import { Relays } from "./relays.ts";

/** A port of the host that is held by a socket, and where it leads to what the kernel's rules do not carry. */
export interface KeptPort {
  key: string;
  transport: Transport;
  hostIp: string;
  target: InetAddress;
}

/**
 * Who holds the sockets of published ports besides the daemon, and relays what comes in on them: a process that outlives
 * the daemon, so that neither the ports nor what is relayed depend on it.
 */
export interface PortKeeper {
  /** The sockets that were kept since an earlier daemon, by key: descriptors that the caller owns. */
  adopt(): Promise<Map<string, number>>;
  /** Keeps ports whose sockets are `fd`; the caller keeps these open until `letGo` has resolved. */
  keep(ports: readonly (KeptPort & { fd: number })[]): void;
  /** Closes ports; they are free, but for the caller's own descriptors, when this resolves. Never fails. */
  letGo(keys: readonly string[]): Promise<void>;
  /** The daemon ends. */
  close(options: { last: boolean }): Promise<void>;
}

/** Keeps ports in the daemon's own process. */
export class OwnPorts implements PortKeeper {
  readonly #relays = new Relays();

  adopt(): Promise<Map<string, number>> {
    return Promise.resolve(new Map());
  }

  keep(ports: readonly (KeptPort & { fd: number })[]): void {
    for (const port of ports) this.#relays.keep(port, () => duplicate(port.fd));
  }

  letGo(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#relays.drop(key);
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#relays[Symbol.dispose]();
    return Promise.resolve();
  }
}
