import { Connection, type RawSocket } from "./connection.ts";

/** A connected socket; `hold(false)` lets the process end while it is open. */
export interface Dialed {
  readonly connection: Connection;
  hold(on: boolean): void;
}

/** PEM texts. */
export interface SocketTls {
  /** Whether the other side must have a certificate that `ca` (or the system) vouches for, for the name dialed. */
  readonly verify: boolean;
  readonly ca?: string | string[] | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

export type Where = { unix: string } | { hostname: string; port: number };

interface PerSocket {
  connection: Connection | undefined;
}
type Socket = Bun.Socket<PerSocket>;

/** Connects; rejects with the system's error, or `tlsError` of what is wrong with the certificate. */
export function dialSocket(
  where: Where,
  tls: SocketTls | undefined,
  tlsError: (error: Error | null) => Error,
): Promise<Dialed> {
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

function tlsOptions(where: Where, tls: SocketTls) {
  const given: { ca?: string | string[]; cert?: string; key?: string } = {};
  if (tls.ca !== undefined) given.ca = tls.ca;
  if (tls.cert !== undefined) given.cert = tls.cert;
  if (tls.key !== undefined) given.key = tls.key;
  return { ...given, rejectUnauthorized: tls.verify, serverName: hostnameOf(where) };
}
