import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { connect, isIPv6, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { errnoOf, internal, messageOf } from "../../base/errors.ts";
import { UnixDatagram } from "../../linux/unix-datagram.ts";
import { DatagramTransport } from "./datagram-transport.ts";
import type { LogTransport } from "./remote-log.ts";
import { goErrno, type SyslogAddress, type SyslogTls } from "./syslog-options.ts";

/** Where a host's own syslog listens. */
const localSockets = ["/dev/log", "/var/run/syslog", "/var/run/log"];

export function syslogTransport(address: SyslogAddress, tls: () => SyslogTls): LogTransport {
  switch (address.protocol) {
    case "local":
      return new DatagramTransport(localSocket);
    case "unixgram":
      return new DatagramTransport(() => new UnixDatagram(address.path));
    case "unix":
      return new StreamTransport(() => opened(connect(address.path), "connect", `dial unix ${address.path}`));
    case "udp":
      return new UdpTransport(address.host, address.port);
    case "tcp":
      return new StreamTransport(async () => {
        const { ip, port, what } = await resolved("tcp", address.host, address.port);
        return opened(connect({ host: ip, port }), "connect", what);
      });
    case "tcp+tls":
      return tlsTransport(address.host, address.port, tls());
  }
}

function localSocket(): UnixDatagram {
  for (const path of localSockets) {
    try {
      return new UnixDatagram(path);
    } catch {
      // Not there, or somebody else's: the next one.
    }
  }
  throw internal("Unix syslog delivery error");
}

function tlsTransport(host: string, portText: string, { verify, ...pems }: SyslogTls): StreamTransport {
  return new StreamTransport(async () => {
    const { ip, port, what } = await resolved("tcp", host, portText);
    const servername = isIPv6(host) || /^[\d.]+$/.test(host) ? {} : { servername: host };
    const socket = connectTls({ host: ip, port, ...pems, ...servername, rejectUnauthorized: verify });
    return opened(socket, "secureConnect", what);
  });
}

/** An address to connect to, and how Go calls that. Rejects in Go's words. */
async function resolved(
  network: string,
  host: string,
  portText: string,
): Promise<{ ip: string; port: number; what: string }> {
  const port = Number(portText);
  if (!/^\d+$/.test(portText) || port > 65535) {
    throw internal(`dial ${network}: address ${portText}: invalid port`);
  }
  try {
    const { address } = await lookup(host);
    const shown = isIPv6(address) ? `[${address}]` : address;
    return { ip: address, port, what: `dial ${network} ${shown}:${port}` };
  } catch (error) {
    throw internal(`dial ${network}: lookup ${host}: no such host`, error);
  }
}

function opened(socket: Socket, event: string, what: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      const isSystem = errnoOf(error) !== undefined && /^E[A-Z0-9]+$/.test(errnoOf(error) ?? "");
      reject(internal(isSystem ? `${what}: connect: ${connectText(error)}` : messageOf(error), error));
    };
    socket.once("error", fail);
    socket.once(event, () => {
      socket.off("error", fail);
      resolve(socket);
    });
  });
}

function connectText(error: unknown): string {
  if (errnoOf(error) === "ECONNREFUSED") return "connection refused";
  if (errnoOf(error) === "ENOENT") return "no such file or directory";
  return goErrno(error);
}

/** Messages one after another in a connection, which is made anew when it is lost. */
class StreamTransport implements LogTransport {
  #connect: () => Promise<Socket>;
  #socket: Socket | undefined;

  constructor(connect: () => Promise<Socket>) {
    this.#connect = connect;
  }

  async open(): Promise<void> {
    if (this.#socket) return;
    const socket = await this.#connect();
    const lost = () => {
      if (this.#socket === socket) this.#socket = undefined;
      socket.destroy();
    };
    socket.on("error", lost).on("close", lost).on("end", lost);
    socket.resume(); // what the receiver says is of no use
    this.#socket = socket;
  }

  async send(messages: readonly Buffer[]): Promise<void> {
    const bytes = Buffer.concat(messages);
    try {
      await this.#write(bytes);
    } catch {
      await this.#write(bytes);
    }
  }

  async #write(bytes: Buffer): Promise<void> {
    await this.open();
    const socket = this.#socket;
    if (!socket) throw internal("the connection was lost");
    await new Promise<void>((resolve, reject) => {
      const lost = () => reject(internal("the connection was lost"));
      socket.once("close", lost);
      socket.write(bytes, (error) => {
        socket.off("close", lost);
        if (error) reject(error);
        else resolve();
      });
    });
  }

  close(): void {
    this.#socket?.end();
    this.#socket = undefined;
  }
}

class UdpTransport implements LogTransport {
  #host: string;
  #port: string;
  #socket: UdpSocket | undefined;
  #target = { ip: "", port: 0 };

  constructor(host: string, port: string) {
    this.#host = host;
    this.#port = port;
  }

  async open(): Promise<void> {
    if (this.#socket) return;
    const { ip, port } = await resolved("udp", this.#host, this.#port);
    this.#target = { ip, port };
    this.#socket = createSocket(isIPv6(ip) ? "udp6" : "udp4");
    this.#socket.on("error", () => {}); // the sender hears of it
    this.#socket.unref();
  }

  async send(messages: readonly Buffer[]): Promise<void> {
    await this.open();
    const { ip, port } = this.#target;
    for (const message of messages) {
      await new Promise<void>((resolve, reject) => {
        this.#socket?.send(message, port, ip, (error) => (error ? reject(error) : resolve()));
      });
    }
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }
}
