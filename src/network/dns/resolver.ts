import { messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { NamedSandbox } from "../name-server.ts";
import { followHostServers } from "./host-servers.ts";
import { listenIn } from "./listener.ts";
import { encodeReply, rcode } from "./message.ts";
import { Names } from "./names.ts";
import {
  containerAddresses,
  containerNames,
  elsewhere,
  hostName,
  type Resolver,
  resolve,
} from "./resolvers.ts";
import { Upstreams } from "./upstreams.ts";

/** Answers the names of containers, each in its own namespace, and passes on what it does not know. */
export class NameResolver implements Disposable {
  readonly #names = new Names();
  readonly #upstreams: Upstreams;
  readonly #listeners = new Map<string, { netns: string; listener: Disposable }>();
  readonly #log: Logger;
  readonly #chain: readonly Resolver[];

  /** `hostServers` tells the host's DNS servers of now. */
  constructor(log: Logger, hostServers: () => readonly string[] = followHostServers()) {
    this.#log = log;
    this.#upstreams = new Upstreams(hostServers);
    this.#chain = [
      hostName,
      containerNames(this.#names),
      containerAddresses(this.#names),
      elsewhere(this.#upstreams),
    ];
  }

  /** True when it knows no container. */
  get isIdle(): boolean {
    return this.#listeners.size === 0;
  }

  /** Throws when the namespace is gone, or its sockets cannot be opened. */
  put(sandbox: NamedSandbox): void {
    const { containerId, netns } = sandbox;
    this.#names.put(sandbox);
    this.#upstreams.forget(netns);
    if (this.#listeners.get(containerId)?.netns === netns) return;
    this.#close(containerId);
    try {
      const listener = listenIn(netns, (query) => {
        const asking = this.#names.get(containerId);
        return asking
          ? resolve(this.#chain, query, asking)
          : Promise.resolve(encodeReply(query, rcode.refused));
      });
      this.#listeners.set(containerId, { netns, listener });
    } catch (error) {
      this.#names.drop(containerId);
      throw error;
    }
  }

  drop(containerId: string): void {
    this.#names.drop(containerId);
    this.#close(containerId);
  }

  /** Knows these, and no others; one that has gone meanwhile does not matter. */
  replace(all: readonly NamedSandbox[]): void {
    const kept = new Set(all.map(({ containerId }) => containerId));
    for (const id of this.#names.ids()) if (!kept.has(id)) this.drop(id);
    for (const sandbox of all) {
      try {
        this.put(sandbox);
      } catch (error) {
        this.#log.warn("a container cannot be answered", {
          container: sandbox.containerId,
          error: messageOf(error),
        });
      }
    }
  }

  #close(containerId: string): void {
    const known = this.#listeners.get(containerId);
    if (!known) return;
    this.#listeners.delete(containerId);
    known.listener[Symbol.dispose]();
    this.#upstreams.forget(known.netns);
  }

  [Symbol.dispose](): void {
    for (const id of [...this.#listeners.keys()]) this.drop(id);
    this.#upstreams[Symbol.dispose]();
  }
}
