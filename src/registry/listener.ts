import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Server, Socket } from "node:net";
import { createServer as createTlsServer, type Server as TlsServer } from "node:tls";
import { invalidArgument, messageOf } from "../base/errors.ts";

/** A connection on which nothing moves for so long is closed. */
const idleMillis = 5 * 60_000;
/** What is under way at a stop may take so long to end. */
const stopMillis = 10_000;

/** Certificate chain and key, PEM. */
export interface Certificate {
  cert: string;
  key: string;
}

export interface Listener {
  /** `127.0.0.1:5000`, with the port that was really taken. */
  address: string;
  /** New connections get this certificate; those that are there go on. Throws `invalidArgument`. */
  renew(certificate: Certificate): void;
  /** Takes no more connections, lets the requests under way end for a while, then cuts them off. */
  stop(): Promise<void>;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Listens for HTTP, over TLS when there is a certificate. Rejects with the errno of listen(2) (`EADDRINUSE`, …). */
export async function listen(
  { host, port, tls }: { host: string; port: number; tls: Certificate | undefined },
  handle: Handler,
): Promise<Listener> {
  let stopping = false;
  const http = createServer((request, response) => {
    // After a stop no connection is kept for further requests.
    if (stopping) response.setHeader("Connection", "close");
    handle(request, response);
  });
  // A big blob over a slow line takes long; what counts is whether bytes still come.
  http.requestTimeout = 0;
  http.timeout = idleMillis;
  const secure = tls && new SecureServer(tls, http);
  const server: Server = secure?.server ?? http;
  await listening(server, host, port);
  const { address, family, port: taken } = server.address() as AddressInfo;
  return {
    address: `${family === "IPv6" ? `[${address}]` : address}:${taken}`,
    renew: (certificate) => secure?.renew(certificate),
    stop: () => {
      stopping = true;
      return stop(server, secure ?? http);
    },
  };
}

/** Connections that can be closed when nothing goes over them, or at once. */
interface Connections {
  closeIdleConnections(): void;
  closeAllConnections(): void;
}

/**
 * TLS in front of an HTTP server that gets the connections: the certificate of a `node:https` server cannot be changed
 * in Bun while it listens.
 */
class SecureServer implements Connections {
  readonly server: TlsServer;
  /** How many requests are under way on each connection. */
  readonly #busy = new Map<Socket, number>();

  constructor(certificate: Certificate, http: HttpServer) {
    http.on("request", ({ socket }: IncomingMessage, response: ServerResponse) => {
      this.#count(socket, 1);
      response.once("close", () => this.#count(socket, -1));
    });
    this.server = createTlsServer({ ...certificate, allowHalfOpen: true }, (socket) => {
      this.#busy.set(socket, 0);
      socket.once("close", () => this.#busy.delete(socket));
      socket.on("error", () => socket.destroy());
      socket.setTimeout(idleMillis, () => socket.destroy());
      http.emit("connection", socket);
    });
  }

  #count(socket: Socket, more: number): void {
    const count = this.#busy.get(socket);
    if (count !== undefined) this.#busy.set(socket, count + more);
  }

  renew(certificate: Certificate): void {
    try {
      this.server.setSecureContext(certificate);
    } catch (error) {
      throw invalidArgument(`certificate: ${messageOf(error)}`, error);
    }
  }

  closeIdleConnections(): void {
    for (const [socket, count] of this.#busy) if (count === 0) socket.destroy();
  }

  closeAllConnections(): void {
    for (const socket of this.#busy.keys()) socket.destroy();
  }
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function stop(server: Server, connections: Connections): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(cut);
      clearInterval(tidy);
      resolve();
    };
    const cut = setTimeout(() => {
      connections.closeAllConnections();
      done();
    }, stopMillis);
    // A connection may become idle only now, when its download has ended.
    const tidy = setInterval(() => connections.closeIdleConnections(), 50);
    server.close(done);
    connections.closeIdleConnections();
  });
}
