import { cancelled, EngineError, messageOf, unavailable } from "../base/errors.ts";
import type { ClientOptions } from "./client.ts";
import { type Dialed, dial } from "./dial.ts";
import { errorOfDial } from "./errors.ts";
import { exchange, type IncomingResponse, NoAnswer, type OutgoingRequest } from "./exchange.ts";
import { defaultHost, type HostAddress, parseHostAddress } from "./host.ts";

/** An answer with the connection that it comes over. */
export interface Answered extends IncomingResponse {
  readonly dialed: Dialed;
  /** The caller's signal no longer cuts the connection. */
  settle(): void;
}

/** Sends requests to one daemon, and keeps connections for the next ones. */
export class Transport implements Disposable {
  readonly host: string;
  /** The `Host` header. */
  readonly hostHeader: string;
  readonly #address: HostAddress;
  readonly #tls: ClientOptions["tls"];
  readonly #idle: Dialed[] = [];

  constructor(options: ClientOptions) {
    this.host = options.host ?? defaultHost;
    this.#tls = options.tls;
    const address = parseHostAddress(this.host, options.tls !== undefined);
    this.#address = address;
    this.hostHeader = address.kind === "tcp" ? `${address.host}:${address.port}` : "api.moby.localhost";
  }

  /** Resolves with the head of the answer. Throws `unavailable` or, when `signal` fires, `cancelled`. */
  async send(request: OutgoingRequest, signal?: AbortSignal): Promise<Answered> {
    for (;;) {
      if (signal?.aborted) throw cancelled("context canceled");
      const kept = this.#take();
      const dialed = kept ?? (await this.#dial());
      const { connection } = dialed;
      const cut = () => connection.destroy();
      const settle = () => signal?.removeEventListener("abort", cut);
      signal?.addEventListener("abort", cut, { once: true });
      try {
        const answer = await exchange(connection, request);
        return Object.assign(answer, { dialed, settle });
      } catch (error) {
        settle();
        connection.destroy();
        if (signal?.aborted) throw cancelled("context canceled", error);
        // A daemon that was restarted has closed the kept connection. Only what changes nothing is sent again.
        const mayRepeat = request.method === "GET" || request.method === "HEAD";
        if (kept && error instanceof NoAnswer && mayRepeat) continue;
        if (error instanceof EngineError && error.code === "unavailable") throw error;
        throw unavailable(`error during connect: ${connection.failure ?? messageOf(error)}`, error);
      }
    }
  }

  async #dial(): Promise<Dialed> {
    try {
      return await dial(this.#address, this.#tls);
    } catch (error) {
      throw errorOfDial(this.host, error);
    }
  }

  #take(): Dialed | undefined {
    for (;;) {
      const dialed = this.#idle.pop();
      if (!dialed) return undefined;
      if (dialed.connection.closed || dialed.connection.inputEnded) continue;
      dialed.hold(true);
      return dialed;
    }
  }

  /** Keeps the connection for the next request where that can be, and closes it otherwise. */
  release(answer: Answered): void {
    const { connection } = answer.dialed;
    answer.settle();
    if (!answer.body.ended || !answer.reusable || connection.closed) connection.destroy();
    else {
      answer.dialed.hold(false);
      this.#idle.push(answer.dialed);
    }
  }

  [Symbol.dispose](): void {
    for (const { connection } of this.#idle.splice(0)) connection.destroy();
  }
}
