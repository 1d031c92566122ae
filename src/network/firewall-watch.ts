import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { type NftChange, NftEvents } from "../linux/nft-events.ts";
import { hostTables } from "./host-firewall.ts";

/** After a change by somebody else, so long is waited for more of it: a reload is several transactions. */
const settleMillis = 20;
/** Two restorations are at least so far apart, whatever others do. */
const leastMillis = 100;

export interface WatchedRules {
  /** True of the names of our own tables. */
  isOurs: (table: string) => boolean;
  /** Puts all of our rules back, where somebody changed them. */
  restore: () => void;
  /** Looks whether the host's own firewall still lets containers through. */
  reopen: () => void;
  log: Logger;
}

/**
 * Rules that somebody else takes away (`nft flush ruleset`, a reload of the host's firewall) are back in a fraction of
 * a second: the kernel tells of each transaction.
 */
export class FirewallWatch implements Disposable {
  readonly #rules: WatchedRules;
  readonly #events: NftEvents;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ours = false;
  #last = 0;

  constructor(rules: WatchedRules) {
    this.#rules = rules;
    this.#events = new NftEvents((change) => this.#changed(change));
  }

  /** To be called right after our own first transaction. */
  recogniseSelf(): void {
    this.#events.recogniseSelf(this.#rules.isOurs);
  }

  #changed({ tables }: NftChange): void {
    const ours = tables === undefined || [...tables].some(this.#rules.isOurs);
    const host = tables === undefined || hostTables.some((name) => tables.has(name));
    if (!ours && !host) return;
    this.#ours ||= ours;
    const wait = Math.max(settleMillis, this.#last + leastMillis - performance.now());
    this.#timer ??= setTimeout(() => this.#mend(), wait);
  }

  #mend(): void {
    const ours = this.#ours;
    this.#timer = undefined;
    this.#ours = false;
    this.#last = performance.now();
    try {
      if (ours) this.#rules.restore();
      else this.#rules.reopen();
    } catch (error) {
      this.#rules.log.error("the firewall's rules could not be put back", { error: messageOf(error) });
      this.#ours = ours;
      this.#timer = setTimeout(() => this.#mend(), 1000);
      return;
    }
    if (ours) this.#rules.log.info("somebody changed the firewall: the rules are back");
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#events[Symbol.dispose]();
  }
}
