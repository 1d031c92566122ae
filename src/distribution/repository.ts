import { isEngineError, messageOf } from "../base/errors.ts";
import type { Reference } from "../oci/reference.ts";
import type { Credentials } from "./credentials.ts";
import { isWrongScheme, redactUrl } from "./network-error.ts";
import { type Access, RegistryClient } from "./registry-client.ts";
import { RegistryError } from "./registry-error.ts";
import type { RegistryTransport } from "./transport.ts";

/**
 * A repository, wherever it can be had: its mirrors in order, then its registry (for an insecure one by HTTPS, then by
 * HTTP). What a mirror does not have or cannot give falls through to the next; an answer of the registry itself is
 * final.
 */
export class Repository {
  readonly #transport: RegistryTransport;
  #clients: readonly RegistryClient[];

  private constructor(transport: RegistryTransport, clients: readonly RegistryClient[]) {
    this.#transport = transport;
    this.#clients = clients;
  }

  static async open(
    transport: RegistryTransport,
    reference: Reference,
    options: { credentials: Credentials; access: Access; mountFrom?: readonly string[] },
  ): Promise<Repository> {
    const purpose = options.access === "pull" ? "pull" : "push";
    const places = await transport.registries.places(reference, purpose);
    const clients = places.map((place) => new RegistryClient({ http: transport.http, ...place, ...options }));
    return new Repository(transport, clients);
  }

  /** Those that have not been given up, the one that answered last first. */
  get clients(): readonly RegistryClient[] {
    return this.#clients;
  }

  /**
   * Runs `task` against one after another until one can do it. Throws what the last one threw that speaks its protocol.
   */
  async first<T>(task: (client: RegistryClient) => Promise<T>): Promise<T> {
    let failure: unknown;
    for (const client of this.#clients) {
      try {
        const result = await task(client);
        this.#settle(client);
        return result;
      } catch (error) {
        if (isEngineError(error, "cancelled")) throw error;
        if (!this.fallsThrough(client, error)) {
          this.#settle(client);
          throw error;
        }
        this.#transport.log.info("trying the next endpoint", {
          endpoint: redactUrl(client.endpoint.url),
          repository: client.repository,
          error: messageOf(error),
        });
        // What went wrong where it does speak says more.
        if (failure === undefined || !isWrongScheme(error)) failure = error;
      }
    }
    throw failure;
  }

  /** Whether the next endpoint should be asked after `client` failed with `error`. */
  fallsThrough(client: RegistryClient, error: unknown): boolean {
    return (
      client.endpoint.mirror || (isEngineError(error, "unavailable") && !(error instanceof RegistryError))
    );
  }

  /** `client` speaks: those before it are not asked again, nor its twin without TLS. */
  #settle(client: RegistryClient): void {
    this.#transport.registries.confirm(client.endpoint);
    const from = this.#clients.indexOf(client);
    this.#clients = client.endpoint.mirror ? this.#clients.slice(from) : [client];
  }

  /** Gives `client` up. False when it is the only one left, which stays. */
  drop(client: RegistryClient): boolean {
    const rest = this.#clients.filter((other) => other !== client);
    if (rest.length === 0 || rest.length === this.#clients.length) return false;
    this.#clients = rest;
    return true;
  }
}
