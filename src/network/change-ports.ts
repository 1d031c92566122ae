import type { PortMap } from "../api/endpoints.ts";
import type { PublishedPort } from "./firewall.ts";
import type { LiveNetwork } from "./live-network.ts";
import type { PortReservation, PortTarget } from "./port-allocator.ts";
import { parsePortKey, portRequests } from "./port-requests.ts";
import type { PublishedPorts } from "./published-ports.ts";

/** Ports of a running container that are to be opened (as in HostConfig.PortBindings), and closed (as they are now). */
export interface PortChange {
  open: PortMap;
  close: PortMap;
}

export interface PortChangeInput {
  change: PortChange;
  /** What the container holds; it is changed. */
  reservation: PortReservation;
  /** NetworkSettings.Ports until now. */
  ports: PortMap;
  /** The host's end of the container's veth pair, and the addresses at the other end. */
  link: string;
  target: PortTarget;
  /** By which the container is reached. */
  network: LiveNetwork;
  /** Writes down the ports as they are to be, before rules and relays follow. */
  write: (ports: PortMap) => void;
}

/**
 * Changes the published ports of a running container: sockets, row, rules and relays. Either all of it is done, or (on an
 * error, in Docker's words) everything is as before. Returns NetworkSettings.Ports.
 */
export async function changePorts(published: PublishedPorts, input: PortChangeInput): Promise<PortMap> {
  const { change, reservation, ports, target, network, link, write } = input;
  const requests = portRequests(change.open, [], false, network.hostIps);
  // A port that moves within the container must be free before it can be taken again.
  const leaving = reservation.split((port) => isListed(change.close, port));
  const former = leaving.held.map(({ port }) => port);
  await published.close(leaving, network);
  const back = () => {
    const again = published.restore(former);
    published.open(again, link, network);
    reservation.join(again);
  };
  let opened: { reservation: PortReservation; ports: PortMap };
  try {
    opened = published.allocator.reserve(requests, target);
  } catch (error) {
    back();
    throw error;
  }
  const after = merged(ports, change.close, opened.ports);
  try {
    write(after);
    published.open(opened.reservation, link, network);
  } catch (error) {
    await published.close(opened.reservation, network);
    back();
    write(ports);
    throw error;
  }
  reservation.join(opened.reservation);
  return after;
}

function isListed(close: PortMap, port: PublishedPort): boolean {
  return Object.entries(close).some(([key, bindings]) => {
    const { containerPort, protocol } = parsePortKey(key);
    if (containerPort !== port.containerPort || protocol !== port.protocol) return false;
    return bindings?.some(
      ({ HostIp, HostPort }) => HostIp === port.hostIp && Number(HostPort) === port.hostPort,
    );
  });
}

/** A port that nothing leads to any more stays exposed. */
function merged(ports: PortMap, close: PortMap, opened: PortMap): PortMap {
  const after: PortMap = { ...ports };
  for (const [key, gone] of Object.entries(close)) {
    const left = (after[key] ?? []).filter(
      (one) => !gone?.some(({ HostIp, HostPort }) => HostIp === one.HostIp && HostPort === one.HostPort),
    );
    after[key] = left.length > 0 ? left : null;
  }
  for (const [key, list] of Object.entries(opened)) after[key] = [...(after[key] ?? []), ...(list ?? [])];
  return after;
}
