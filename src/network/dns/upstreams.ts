import type { NamedSandbox } from "../name-server.ts";
import { Cache } from "./cache.ts";
import { encodeReply, type Query, rcode, renewed } from "./message.ts";
import { ServerGroup } from "./server-group.ts";

/** Questions of one container that may be waiting at a time, so that it does not take all answers from the others. */
const mostOfOne = 1024;

/** The servers for names that are not of containers: the host's own, or those that a container asked for. */
export class Upstreams implements Disposable {
  readonly #hostServers: () => readonly string[];
  readonly #cache = new Cache();
  readonly #groups = new Map<string, ServerGroup>();
  readonly #asking = new Map<string, Promise<Buffer | undefined>>();
  /** How many questions of each container are waiting; none where there is no entry. */
  readonly #waiting = new Map<string, number>();

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
    const reply = await this.#waitFor(sandbox, () => this.#askOnce(group, key, query));
    if (!reply) return encodeReply(query, rcode.serverFailure);
    this.#cache.put(key, query, reply);
    return renewed(reply, query, 0);
  }

  /** What several ask for at the same time is asked once. */
  #askOnce(group: ServerGroup, key: string, query: Query): Promise<Buffer | undefined> {
    let asking = this.#asking.get(key);
    if (!asking) {
      asking = group.ask(query).finally(() => this.#asking.delete(key));
      this.#asking.set(key, asking);
    }
    return asking;
  }

  /** Undefined at once for a container that has too many questions waiting. */
  async #waitFor(
    { containerId }: NamedSandbox,
    ask: () => Promise<Buffer | undefined>,
  ): Promise<Buffer | undefined> {
    const before = this.#waiting.get(containerId) ?? 0;
    if (before >= mostOfOne) return undefined;
    this.#waiting.set(containerId, before + 1);
    try {
      return await ask();
    } finally {
      const left = (this.#waiting.get(containerId) ?? 1) - 1;
      if (left > 0) this.#waiting.set(containerId, left);
      else this.#waiting.delete(containerId);
    }
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
