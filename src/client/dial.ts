import { Connection, type RawSocket } from "../api/http1/connection.ts";
import type { ClientTls } from "./client.ts";
import type { HostAddress } from "./host.ts";

/** A connection to a daemon; `hold(false)` lets the process end while it is open. */
export interface Dialed {
  readonly connection: Connection;
  hold(on: boolean): void;
}

interface PerSocket {
  connection: Connection | undefined;
}
type Socket = Bun.Socket<PerSocket>;

/** Connects; rejects with the system's error. */
export async function dial(address: HostAddress, tls: ClientTls | undefined): Promise<Dialed> {
  switch (address.kind) {
    case "unix":
      return dialSocket({ unix: address.path }, undefined);
    case "tcp":
      return dialSocket({ hostname: address.host, port: address.port }, tls);
    case "ssh": {
      // Spawning is only needed here; the common ways stay light.
      const { dialSsh } = await import("./dial-ssh.ts");
      return dialSsh(address);
    }
  }
}

type Where = { unix: string } | { hostname: string; port: number };

function dialSocket(where: Where, tls: ClientTls | undefined): Promise<Dialed> {
  return new Promise((resolve, reject) => {
    const ready = (socket: Socket) => {
      const connection = new Connection(socket as RawSocket);
      socket.data.connection = connection;
      resolve({ connection, hold: (on) => (on ? socket.ref() : socket.unref()) });
    };
    const fail = (socket: Socket, error: Error) => {
      reject(error);
      socket.terminate();
    };
    Bun.connect<PerSocket>({
      ...(where as { hostname: string; port: number }),
      allowHalfOpen: true,
      data: { connection: undefined },
      ...(tls && { tls: tlsOptions(where, tls) }),
      socket: {
        open(socket) {
          if (!tls) ready(socket);
        },
        async handshake(socket, success, error) {
          if (!tls || socket.data.connection) return;
          // Without verification, only a handshake that broke counts: `success` tells of the certificate as well.
          const broken = error && "code" in error && error.code === "EPROTO";
          if (broken || (tls.verify && (!success || error))) return fail(socket, tlsError(error));
          if (!tls.verify) return ready(socket);
          const { checkServerIdentity } = await import("node:tls");
          const wrong = checkServerIdentity(hostnameOf(where), socket.getPeerCertificate());
          if (wrong) fail(socket, wrong);
          else ready(socket);
        },
        data: (socket, bytes) => socket.data.connection?.onData(bytes),
        end(socket) {
          if (socket.data.connection) socket.data.connection.onEnd();
          else socket.end();
        },
        drain: (socket) => socket.data.connection?.onDrain(),
        close(socket, error) {
          if (socket.data.connection) socket.data.connection.onClose();
          else reject(error ?? new Error("EOF"));
        },
        error(socket, error) {
          if (socket.data.connection) socket.data.connection.destroy();
          else reject(error);
        },
        connectError: (_socket, error) => reject(error),
      },
    }).catch(reject);
  });
}

const hostnameOf = (where: Where): string => ("hostname" in where ? where.hostname : "");

function tlsError(error: Error | null): Error {
  return new Error(`tls: failed to verify certificate: ${error?.message ?? "handshake failed"}`);
}

function tlsOptions(where: Where, tls: ClientTls) {
  const given: { ca?: string; cert?: string; key?: string } = {};
  if (tls.ca !== undefined) given.ca = tls.ca;
  if (tls.cert !== undefined) given.cert = tls.cert;
  if (tls.key !== undefined) given.key = tls.key;
  return { ...given, rejectUnauthorized: tls.verify, serverName: hostnameOf(where) };
}
