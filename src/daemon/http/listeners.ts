import { chmodSync, chownSync, lstatSync, unlinkSync } from "node:fs";
import type { Connection } from "../../api/http1/connection.ts";
import { errnoOf, internal, messageOf } from "../../base/errors.ts";
import { goErrno } from "../../base/go-errno.ts";
import type { Logger } from "../../base/log.ts";
import { peerPid } from "../../linux/peer.ts";
import { zombieStatus } from "../../linux/process.ts";
import type { ApiServer, EndMeans } from "./server.ts";

/** Certificates of a TLS listener, PEM. With `clientCa`, clients must show a certificate that it signed. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  readonly clientCa?: string | undefined;
}

/** Where to listen. `fd`: a listening socket that the process was given (systemd). */
export type Endpoint =
  | { readonly kind: "unix"; readonly path: string; readonly gid?: number | undefined }
  | {
      readonly kind: "tcp";
      readonly host: string;
      readonly port: number;
      readonly tls?: ServerTls | undefined;
    }
  | { readonly kind: "fd"; readonly fd: number };

/** A place that is listened on; disposing of it ends the listening, not the connections. */
export interface Listening extends Disposable {
  /** `unix:///run/docker.sock`, `tcp://127.0.0.1:2375` (with the port that the kernel chose, where 0 was asked). */
  readonly address: string;
}

interface PerSocket {
  connection: Connection | undefined;
}
type Socket = Bun.Socket<PerSocket>;

/** Bun's callbacks for the sockets of one listener; with `tls`, nothing is served before the handshake succeeded. */
function handlersFor(server: ApiServer, endMeans: EndMeans, tls: ServerTls | undefined, log: Logger) {
  const accept = (socket: Socket) => {
    socket.data = { connection: server.accept(socket, endMeans) };
  };
  return {
    open(socket: Socket) {
      socket.data = { connection: undefined };
      if (!tls) accept(socket);
    },
    handshake(socket: Socket, success: boolean, error: Error | null) {
      if (!tls) return;
      if (success && (tls.clientCa === undefined || socket.authorized)) return accept(socket);
      log.debug("TLS handshake failed", { from: socket.remoteAddress, error: error?.message ?? "" });
      socket.terminate();
    },
    data(socket: Socket, bytes: Buffer) {
      socket.data.connection?.onData(bytes);
    },
    end(socket: Socket) {
      if (socket.data.connection) socket.data.connection.onEnd();
      else socket.end();
    },
    drain(socket: Socket) {
      socket.data.connection?.onDrain();
    },
    close(socket: Socket) {
      socket.data?.connection?.onClose();
    },
    error(socket: Socket, error: Error) {
      log.debug("API connection failed", { error: error.message });
      socket.data?.connection?.destroy();
    },
  };
}

/** Begins to listen on one endpoint. Throws `internal` with Docker's wording when that cannot be. */
export async function listen(server: ApiServer, endpoint: Endpoint, log: Logger): Promise<Listening> {
  switch (endpoint.kind) {
    case "unix":
      return listenUnix(server, endpoint.path, endpoint.gid, log);
    case "tcp":
      return listenTcp(server, endpoint, log);
    case "fd": {
      const listener = Bun.listen<PerSocket>({
        // Not in Bun's types: it takes a socket that listens already.
        ...({ fd: endpoint.fd } as unknown as { unix: string }),
        allowHalfOpen: true,
        socket: handlersFor(server, "half-closed", undefined, log),
      });
      return { address: `fd://${endpoint.fd}`, [Symbol.dispose]: () => listener.stop() };
    }
  }
}

/** A socket file that only root and the group can use from its first moment on. */
async function listenUnix(
  server: ApiServer,
  path: string,
  gid: number | undefined,
  log: Logger,
): Promise<Listening> {
  await removeStale(path);
  const before = process.umask(0o117);
  let listener: { stop(): void };
  try {
    listener = Bun.listen<PerSocket>({
      unix: path,
      allowHalfOpen: true,
      socket: handlersFor(server, "half-closed", undefined, log),
    });
  } catch (error) {
    throw internal(`can't create unix socket ${path}: ${messageOf(error)}`, error);
  } finally {
    process.umask(before);
  }
  if (gid !== undefined) chownSync(path, 0, gid);
  chmodSync(path, 0o660);
  const { ino, dev } = lstatSync(path);
  return {
    address: `unix://${path}`,
    [Symbol.dispose]: () => {
      listener.stop();
      removeIfSame(path, ino, dev);
    },
  };
}

function removeIfSame(path: string, ino: number, dev: number): void {
  try {
    const now = lstatSync(path);
    if (now.ino === ino && now.dev === dev) unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}

/** Removes a socket file that nobody serves; one that is served, or no socket, is an error. */
async function removeStale(path: string): Promise<void> {
  try {
    if (!lstatSync(path).isSocket()) {
      throw internal(`can't create unix socket ${path}: the file exists and is no socket`);
    }
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return;
    throw error;
  }
  if (await isServed(path)) {
    throw internal(`can't create unix socket ${path}: bind: address already in use`);
  }
  unlinkSync(path);
}

async function isServed(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {} } });
    // One that was killed and cannot end still has its socket.
    const server = peerPid((socket as unknown as { fd: number }).fd);
    socket.terminate();
    return zombieStatus(server) === undefined;
  } catch {
    // Refused: the process that made the file is gone.
    return false;
  }
}

function listenTcp(server: ApiServer, endpoint: Endpoint & { kind: "tcp" }, log: Logger): Listening {
  const { host, port, tls } = endpoint;
  try {
    const listener = Bun.listen<PerSocket>({
      hostname: host === "" ? "0.0.0.0" : host,
      port,
      allowHalfOpen: true,
      ...(tls && { tls: tlsOptions(tls) }),
      socket: handlersFor(server, "gone", tls, log),
    });
    const shown = host.includes(":") ? `[${host}]` : host;
    return { address: `tcp://${shown}:${listener.port}`, [Symbol.dispose]: () => listener.stop() };
  } catch (error) {
    const reason = goErrno(errnoOf(error));
    throw internal(
      `listen tcp ${host}:${port}: ${reason === undefined ? messageOf(error) : `bind: ${reason}`}`,
      error,
    );
  }
}

function tlsOptions(tls: ServerTls) {
  const own = { cert: tls.cert, key: tls.key };
  if (tls.clientCa === undefined) return own;
  return { ...own, ca: tls.clientCa, requestCert: true, rejectUnauthorized: true };
}
