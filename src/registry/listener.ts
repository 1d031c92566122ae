import { createPrivateKey, X509Certificate } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { sleep } from "../base/async.ts";
import { errnoOf, invalidArgument, messageOf } from "../base/errors.ts";

/** A connection on which nothing moves for so long is closed. */
const idleMillis = 5 * 60_000;
/** What is under way at a stop may take so long to end. */
const stopMillis = 10_000;
/** After a renewal, connections of before on which nothing is under way are kept for so long. */
const renewedMillis = 5000;
/** How often a port is tried again that was ours a moment ago. */
const attempts = 200;

/** Certificate chain and key, PEM. */
export interface Certificate {
  cert: string;
  key: string;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Takes connections for HTTP, over TLS when there is a certificate. */
export class Listener {
  readonly #handle: Handler;
  #server: Server;
  /** Those that end what they have begun. */
  readonly #retired = new Set<Server>();

  private constructor(handle: Handler, tls: Certificate | undefined) {
    this.#handle = handle;
    this.#server = this.#create(tls);
  }

  /** Rejects with the errno of listen(2) (`EADDRINUSE`, …), with `invalidArgument` for a certificate that is none. */
  static async listen(
    { host, port, tls }: { host: string; port: number; tls: Certificate | undefined },
    handle: Handler,
  ): Promise<Listener> {
    if (tls) check(tls);
    const listener = new Listener(handle, tls);
    await listening(listener.#server, host, port);
    return listener;
  }

  #create(tls: Certificate | undefined): Server {
    const answer: Handler = (request, response) => {
      // After a stop no connection is kept for further requests.
      if (!server.listening) response.setHeader("Connection", "close");
      this.#handle(request, response);
    };
    const server: Server = tls ? createTlsServer(tls, answer) : createServer(answer);
    // A big blob over a slow line takes long; what counts is whether bytes still come.
    server.requestTimeout = 0;
    server.timeout = idleMillis;
    return server;
  }

  /** `127.0.0.1:5000`, with the port that was really taken. */
  get address(): string {
    const { address, family, port } = this.#server.address() as AddressInfo;
    return `${family === "IPv6" ? `[${address}]` : address}:${port}`;
  }

  /**
   * New connections get this certificate; what is under way goes on. Bun's servers cannot change theirs, so that
   * another one takes over the port, within a moment. Throws `invalidArgument` for a certificate that is none.
   */
  async renew(certificate: Certificate): Promise<void> {
    check(certificate);
    const { address, port } = this.#server.address() as AddressInfo;
    const [before, after] = [this.#server, this.#create(certificate)];
    this.#retired.add(before);
    before.close(() => this.#retired.delete(before));
    for (let attempt = 1; ; attempt++) {
      try {
        await listening(after, address, port);
        break;
      } catch (error) {
        if (attempt === attempts || errnoOf(error) !== "EADDRINUSE") throw error;
        await sleep(10);
      }
    }
    this.#server = after;
    setTimeout(() => before.closeIdleConnections(), renewedMillis).unref();
  }

  /** Takes no more connections, lets the requests under way end for a while, then cuts them off. */
  async stop(): Promise<void> {
    await Promise.all([this.#server, ...this.#retired].map(stop));
  }
}

/** Throws `invalidArgument`. */
function check({ cert, key }: Certificate): void {
  try {
    if (new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) return;
  } catch (error) {
    throw invalidArgument(`the certificate cannot be used: ${messageOf(error)}`, error);
  }
  throw invalidArgument("the key is not the certificate's");
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

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(cut);
      clearInterval(tidy);
      resolve();
    };
    const cut = setTimeout(() => {
      server.closeAllConnections();
      done();
    }, stopMillis);
    // A connection may become idle only now, when its download has ended.
    const tidy = setInterval(() => server.closeIdleConnections(), 50);
    server.close(done);
    server.closeIdleConnections();
  });
}
