import type { NamedSandbox } from "../name-server.ts";
import { Cache } from "./cache.ts";
import { encodeReply, type Query, rcode, renewed } from "./message.ts";
import { ServerGroup } from "./server-group.ts";

/** The servers for names that are not of containers: the host's own, or those that a container asked for. */
export class Upstreams implements Disposable {
  readonly #hostServers: () => readonly string[];
  readonly #cache = new Cache();
  readonly #groups = new Map<string, ServerGroup>();
  readonly #asking = new Map<string, Promise<Buffer | undefined>>();

  /** `hostServers` tells the host's servers of now. */
  constructor(hostServers: () => readonly string[]) {
    this.#hostServers = hostServers;
  }

  /** The servers' answer, or a failure when none gave one. */
  async ask(query: Query, sandbox: NamedSandbox): Promise<Buffer> {
    const group = this.#groupOf(sandbox);
    const key = `${group.key} ${query.type} ${query.class} ${query.wantsSignatures} ${query.name}`;
    const kept = this.#cache.get(key, query);
    if (kept) return kept;
    let asking = this.#asking.get(key);
    if (!asking) {
      asking = group.ask(query).finally(() => this.#asking.delete(key));
      this.#asking.set(key, asking);
    }
    const reply = await asking;
    if (!reply) return encodeReply(query, rcode.serverFailure);
    this.#cache.put(key, query, reply);
    return renewed(reply, query, 0);
  }

  /** Containers with servers of their own ask from their own network, all others with the host. */
  #groupOf({ servers, netns }: NamedSandbox): ServerGroup {
    const own = servers.length > 0;
    const list = own ? servers : this.#hostServers();
    const key = `${own ? netns : "host"} ${list.join(" ")}`;
    let group = this.#groups.get(key);
    if (!group) {
      group = new ServerGroup(key, list, own ? netns : undefined);
      this.#groups.set(key, group);
    }
    return group;
  }

  /** A container's namespace is gone, or its servers are others. */
  forget(netns: string): void {
    for (const [key, group] of this.#groups) {
      if (group.netns !== netns) continue;
      this.#groups.delete(key);
      group[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    for (const group of this.#groups.values()) group[Symbol.dispose]();
    this.#groups.clear();
  }
}
