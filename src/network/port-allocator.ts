import { closeSync } from "node:fs";
import { isIPv6 } from "node:net";
import type { PortMap } from "../api/endpoints.ts";
import { EngineError, internal, messageOf } from "../base/errors.ts";
import { goErrno } from "../base/go-errno.ts";
import type { Family } from "../base/ip.ts";
import { bindSocket, type Transport } from "../linux/inet-socket.ts";
import { SyscallError } from "../linux/libc.ts";
import { readSysctl } from "../linux/sysctl.ts";
import type { PublishedPort } from "./firewall.ts";
import type { KeptPort } from "./port-keeper.ts";
import type { PortRequest } from "./port-requests.ts";

/** A host port that is ours: held by a socket, so that no other process gets it, and says so as any server would. */
export interface HeldPort {
  port: PublishedPort;
  /** undefined for SCTP, and where a port could not be held again after a restart. */
  fd: number | undefined;
  released?: boolean;
}

/** Where ports lead to. */
export interface PortTarget extends Pick<PublishedPort, "containerIp" | "networkId"> {
  /** By which it is reached from IPv6, where it has that; else IPv6 is relayed. */
  containerIp6?: string;
  /** Of these families no port of the host is needed. */
  routed?: readonly Family[];
}

const inUse = "port is already allocated";
const shown = (ip: string) => (isIPv6(ip) ? `[${ip}]` : ip);

function sameAddress(a: string, b: string): boolean {
  if (isIPv6(a) !== isIPv6(b)) return false;
  return a === b || [a, b].some((ip) => ip === "0.0.0.0" || ip === "::");
}

/** Rules translate within one family of addresses. */
const isRuled = ({ hostIp, containerIp }: PublishedPort) => isIPv6(hostIp) === isIPv6(containerIp);

/** Where a port of the host leads to: to the container's address of the same family, if it has one. */
export function targetIp(hostIp: string, { containerIp, containerIp6 }: PortTarget): string {
  return isIPv6(hostIp) ? (containerIp6 ?? containerIp) : containerIp;
}

/** The ports of one container on the host, from `reserve` to dispose. */
export class PortReservation implements Disposable {
  readonly held: HeldPort[] = [];
  readonly #release: (held: HeldPort) => void;

  constructor(release: (held: HeldPort) => void) {
    this.#release = release;
  }

  /** What the kernel's rules carry. */
  get ruled(): PublishedPort[] {
    return this.held.map(({ port }) => port).filter(isRuled);
  }

  /** Takes over all of another reservation. */
  join(other: PortReservation): void {
    this.held.push(...other.held.splice(0));
  }

  /** Gives those ports that are `meant` to a reservation of their own. */
  split(meant: (port: PublishedPort) => boolean): PortReservation {
    const other = new PortReservation(this.#release);
    for (const held of this.held.splice(0)) (meant(held.port) ? other : this).held.push(held);
    return other;
  }

  /** Gives all of them back: others may have them. Returns what held them, which the caller closes. */
  release(): HeldPort[] {
    const all = this.held.splice(0);
    for (const held of all) this.#release(held);
    return all;
  }

  [Symbol.dispose](): void {
    closeSockets(this.release());
  }
}

export function closeSockets(ports: readonly HeldPort[]): void {
  for (const { fd } of ports) if (fd !== undefined) closeSync(fd);
}

/** What names a port for who keeps it. */
export const keyOf = ({ protocol, hostIp, hostPort }: PublishedPort) => `${protocol} ${hostIp} ${hostPort}`;

/** What is to be kept of ports; those that were released meanwhile are left out. */
export function keptPorts(ports: readonly HeldPort[]): (KeptPort & { fd: number })[] {
  return ports.flatMap(({ port, fd, released }) => {
    const { protocol, hostIp, containerIp, containerPort } = port;
    if (fd === undefined || released || protocol === "sctp") return [];
    const target = { ip: containerIp, port: containerPort };
    return [{ key: keyOf(port), transport: protocol, hostIp, target, fd }];
  });
}

/** Which host ports are taken by whom. */
export class PortAllocator {
  readonly #held = new Set<HeldPort>();
  #lastEphemeral = 0;

  /** All ports that the kernel's rules are to carry into a network. */
  ruled(networkId: string): PublishedPort[] {
    const ports = [...this.#held].map(({ port }) => port);
    return ports.filter((port) => port.networkId === networkId && isRuled(port));
  }

  /** The ports of the host that lead anywhere. */
  hostPorts(): Set<number> {
    return new Set([...this.#held].map(({ port }) => port.hostPort));
  }

  /** Gets a host port for each request, or none at all: the error says, in Docker's words, which one failed and why. */
  reserve(
    requests: readonly PortRequest[],
    target: PortTarget,
  ): { reservation: PortReservation; ports: PortMap } {
    const reservation = this.#reservation();
    const ports: PortMap = {};
    try {
      for (const request of requests) {
        const isRouted = (ip: string) => target.routed?.includes(isIPv6(ip) ? 6 : 4) ?? false;
        const hostIps = request.hostIps.filter((ip) => !isRouted(ip));
        for (const ip of request.hostIps.filter(isRouted)) {
          this.#keep(reservation, { port: portOf(request, ip, 0, target), fd: undefined });
        }
        const hostPort = hostIps.length > 0 ? this.#choose(reservation, { ...request, hostIps }, target) : 0;
        const bindings = request.hostIps.map((ip) => ({
          HostIp: ip,
          HostPort: isRouted(ip) ? "" : String(hostPort),
        }));
        ports[request.key] = [...(ports[request.key] ?? []), ...bindings];
      }
    } catch (error) {
      reservation[Symbol.dispose]();
      throw error;
    }
    return { reservation, ports };
  }

  /**
   * Takes the ports of a container that runs since before this daemon, with the sockets that were `kept` for them;
   * returns those that another process has now.
   */
  restore(
    ports: readonly PublishedPort[],
    kept: Map<string, number> = new Map(),
  ): { reservation: PortReservation; lost: PublishedPort[] } {
    const reservation = this.#reservation();
    const lost: PublishedPort[] = [];
    for (const port of ports) {
      let fd = kept.get(keyOf(port));
      kept.delete(keyOf(port));
      try {
        fd ??= openPort(port);
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        lost.push(port);
      }
      this.#keep(reservation, { port, fd });
    }
    return { reservation, lost };
  }

  #reservation(): PortReservation {
    return new PortReservation((held) => {
      this.#held.delete(held);
      held.released = true;
    });
  }

  #keep(reservation: PortReservation, held: HeldPort): void {
    this.#held.add(held);
    reservation.held.push(held);
  }

  #choose(reservation: PortReservation, request: PortRequest, target: PortTarget): number {
    const { hostPorts } = request;
    if (hostPorts && hostPorts.first === hostPorts.last) {
      this.#hold(reservation, request, hostPorts.first, target);
      return hostPorts.first;
    }
    const { first, last } = hostPorts ?? ephemeralRange();
    const start = hostPorts ? first : this.#nextEphemeral(first, last);
    let failure: unknown = internal("all ports are allocated");
    for (let step = 0; step <= last - first; step++) {
      const port = first + ((start - first + step) % (last - first + 1));
      try {
        this.#hold(reservation, request, port, target);
        if (!hostPorts) this.#lastEphemeral = port;
        return port;
      } catch (error) {
        if (!isTaken(error)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  #nextEphemeral(first: number, last: number): number {
    return this.#lastEphemeral >= first && this.#lastEphemeral < last ? this.#lastEphemeral + 1 : first;
  }

  /** The port on all of the request's addresses, or on none. */
  #hold(reservation: PortReservation, request: PortRequest, hostPort: number, target: PortTarget): void {
    const ports = request.hostIps.map((ip) => portOf(request, ip, hostPort, target));
    for (const port of ports) {
      if (this.#isTaken(port)) throw new PortTaken(`Bind for ${port.hostIp}:${hostPort} failed: ${inUse}`);
    }
    const opened: HeldPort[] = [];
    try {
      for (const port of ports) opened.push({ port, fd: openPort(port) });
    } catch (error) {
      for (const { fd } of opened) if (fd !== undefined) closeSync(fd);
      throw error;
    }
    for (const held of opened) this.#keep(reservation, held);
  }

  #isTaken({ protocol, hostIp, hostPort }: PublishedPort): boolean {
    for (const { port } of this.#held) {
      if (port.hostPort !== hostPort || port.protocol !== protocol) continue;
      if (sameAddress(port.hostIp, hostIp)) return true;
    }
    return false;
  }
}

function portOf(
  { protocol, containerPort }: PortRequest,
  hostIp: string,
  hostPort: number,
  target: PortTarget,
): PublishedPort {
  const { networkId } = target;
  return { protocol, hostIp, hostPort, containerPort, containerIp: targetIp(hostIp, target), networkId };
}

/** Another container or process has the port: the next one of a range may be free. */
class PortTaken extends EngineError {
  constructor(message: string, cause?: unknown) {
    super("internal", message, { cause });
  }
}

const isTaken = (error: unknown) => error instanceof PortTaken;

/** The socket that keeps a port ours; undefined for SCTP, which few hosts have sockets for. */
function openPort(port: PublishedPort): number | undefined {
  const { protocol, hostIp, hostPort, containerIp, containerPort } = port;
  if (protocol === "sctp" || hostPort === 0) return undefined;
  const transport: Transport = protocol;
  try {
    return bindSocket(transport, { ip: hostIp, port: hostPort });
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    const why = goErrno(error.code) ?? messageOf(error);
    const where = `${shown(hostIp)}:${hostPort}:${containerIp}:${containerPort}/${protocol}`;
    const message = `failed to bind host port for ${where}: ${why}`;
    throw error.code === "EADDRINUSE" ? new PortTaken(message, error) : internal(message, error);
  }
}

/** The host's range for ports that nobody chose. */
function ephemeralRange(): { first: number; last: number } {
  const [first, last] = (readSysctl("net/ipv4/ip_local_port_range") ?? "").split(/\s+/).map(Number);
  return first && last && first <= last ? { first, last } : { first: 49153, last: 65535 };
}
