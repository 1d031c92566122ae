import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, isIPv6, type Socket, connect as tcpConnect } from "node:net";
import type { InetAddress } from "../linux/inet-socket.ts";

/*
 * What the kernel's rules do not carry to a container, these do in user space: IPv6 to a container that has IPv4 only,
 * what the host sends to its own `::1` (no rule can lead that to another interface), and everything where there are no
 * rules. They listen on the sockets that keep the host's ports ours anyway.
 */

function pipe(from: Socket, to: Socket): void {
  from.pipe(to);
  // Either side's failure ends both: a half of a connection is of no use to anybody.
  from.on("error", () => to.destroy());
  from.on("close", () => {
    if (!from.readableEnded) to.destroy();
  });
}

/** Relays the TCP connections that come in on the listening socket `fd`, which it owns from now on. */
export function relayTcp(fd: number, target: InetAddress): Disposable {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = tcpConnect({ host: target.ip, port: target.port, allowHalfOpen: true });
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.once("close", () => open.delete(socket));
    }
    pipe(client, upstream);
    pipe(upstream, client);
  });
  server.listen({ fd });
  server.unref();
  return {
    [Symbol.dispose]() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

const udpIdleMillis = 90_000;
const udpSessions = 4096;

/** Relays the datagrams that come in on the bound socket `fd`, which it owns; replies find back for 90 seconds. */
export function relayUdp(fd: number, family: "udp4" | "udp6", target: InetAddress): Disposable {
  const sessions = new Map<string, UdpSocket>();
  const server = createSocket(family);

  function session(address: string, port: number): UdpSocket | undefined {
    const key = `${address} ${port}`;
    const known = sessions.get(key);
    if (known || sessions.size >= udpSessions) return known;
    const upstream = createSocket(isIPv6(target.ip) ? "udp6" : "udp4");
    const timer = setTimeout(end, udpIdleMillis);
    function end() {
      clearTimeout(timer);
      if (sessions.delete(key)) upstream.close();
    }
    timer.unref();
    upstream.on("message", (data) => {
      timer.refresh();
      server.send(data, port, address);
    });
    // A container that is not listening answers with ICMP; UDP has no way to pass that on.
    upstream.on("error", end);
    upstream.unref();
    sessions.set(key, upstream);
    return upstream;
  }

  server.on("message", (data, { address, port }) =>
    session(address, port)?.send(data, target.port, target.ip),
  );
  // Reported by the kernel for a datagram that could not be delivered; the next one may be.
  server.on("error", () => {});
  server.bind({ fd });
  server.unref();
  return {
    [Symbol.dispose]() {
      server.close();
      for (const upstream of sessions.values()) upstream.close();
      sessions.clear();
    },
  };
}
