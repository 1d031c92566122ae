import { waitAtMost } from "../base/async.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { DbusConnection, systemBus } from "../linux/dbus/connection.ts";
import { containerZone, Firewalld, firewalldName } from "./firewalld.ts";

/** A network is there when firewalld knows of it, or after so long: it may be loading its configuration. */
const patience = 5_000;

export interface ZoneOptions {
  /** Its table is in the kernel. Nothing is asked of it otherwise. */
  isActive: () => boolean;
  /** The bridges that are to be in the zone. */
  bridges: () => readonly string[];
  /** Which bridges firewalld lets through has changed. */
  changed: () => void;
  log: Logger;
}

/**
 * Keeps our bridges in firewalld's zone for containers, over D-Bus: so their traffic is let through by its own rules, and
 * what the administrator says of the zone holds. It forgets bridges whenever it loads its configuration anew; then they are
 * told again. Where it cannot be asked, `joined` is false, and rules in its table do (`openForwarding`).
 */
export class FirewalldZone implements Disposable {
  readonly #options: ZoneOptions;
  #joined = new Set<string>();
  #connection: DbusConnection | undefined;
  /** The work that is going on, and whether there is more of it by now. */
  #working: Promise<void> | undefined;
  #again = false;
  #ended = false;
  #complaint = "";

  constructor(options: ZoneOptions) {
    this.#options = options;
  }

  /** Firewalld lets the bridge's traffic through by its own rules. */
  joined(bridge: string): boolean {
    return this.#joined.has(bridge);
  }

  /** Something may have changed: looks at all of it, soon. */
  look(): void {
    this.#again = true;
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
      if (this.#again && !this.#ended) this.look();
    });
  }

  /** As `look`; resolves when it is done, or takes too long. */
  async settle(): Promise<void> {
    this.look();
    if (this.#working) await waitAtMost(patience, this.#working);
  }

  /** Takes bridges that are gone out of the zone. */
  async leave(bridges: readonly string[]): Promise<void> {
    for (const bridge of bridges) this.#joined.delete(bridge);
    const connection = this.#connection;
    if (!connection || connection.isClosed) return;
    const leaving = bridges.map((bridge) => new Firewalld(connection).leave(bridge));
    // It forgets them at the next reload, at the latest.
    await waitAtMost(patience, Promise.allSettled(leaving));
  }

  async #work(): Promise<void> {
    while (this.#again && !this.#ended) {
      this.#again = false;
      const before = [...this.#joined];
      try {
        this.#joined = this.#options.isActive() ? await this.#joinAll() : new Set();
        this.#complaint = "";
      } catch (error) {
        this.#joined = new Set();
        this.#complain(messageOf(error));
      }
      if (this.#ended) return;
      if (before.length !== this.#joined.size || before.some((one) => !this.#joined.has(one)))
        this.#options.changed();
    }
  }

  async #joinAll(): Promise<Set<string>> {
    const firewalld = new Firewalld(await this.#connect());
    await firewalld.ensureZone();
    const joined = new Set<string>();
    for (const bridge of this.#options.bridges()) {
      const zone = await firewalld.join(bridge);
      joined.add(bridge);
      if (zone !== containerZone && !this.#joined.has(bridge))
        this.#options.log.info("firewalld has a bridge of containers in another zone", { bridge, zone });
    }
    return joined;
  }

  async #connect(): Promise<DbusConnection> {
    if (this.#connection && !this.#connection.isClosed) return this.#connection;
    const connection = await DbusConnection.open(systemBus(), () => this.look());
    this.#connection = connection;
    const rule = "type='signal',interface=";
    await connection.listen(`${rule}'${firewalldName}',member='Reloaded'`);
    await connection.listen(
      `${rule}'org.freedesktop.DBus',member='NameOwnerChanged',arg0='${firewalldName}'`,
    );
    return connection;
  }

  /** Once for each reason. */
  #complain(reason: string): void {
    if (reason === this.#complaint) return;
    this.#complaint = reason;
    this.#options.log.warn("firewalld cannot be told of containers: rules go into its table", { reason });
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    this.#connection?.[Symbol.dispose]();
  }
}
