import { isEngineError, messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Plugins } from "../../plugins/client.ts";
import type { Resource, ResourceKind, ResourceTable } from "../../store/resources.ts";

/** What plugins have made for us. Its row names the plugin and what it is called there. */
export type RemoteThing =
  | { kind: "pluginNetwork"; plugin: string; network: string }
  | { kind: "pluginEndpoint"; plugin: string; network: string; endpoint: string }
  /** The plugin was told which ports of the endpoint are published. */
  | { kind: "pluginPorts"; plugin: string; network: string; endpoint: string }
  | { kind: "pluginPool"; plugin: string; pool: string }
  | { kind: "pluginAddress"; plugin: string; pool: string; address: string };

/** In the order in which they are taken back. */
const kinds = ["pluginPorts", "pluginEndpoint", "pluginAddress", "pluginNetwork", "pluginPool"] as const;

function keyOf(thing: RemoteThing): string {
  const { kind: _, ...names } = thing;
  return JSON.stringify(names);
}

const thingOf = ({ kind, key }: Resource) => ({ kind, ...JSON.parse(key) }) as RemoteThing;

/**
 * Whatever plugins make for us has a row, from before they are asked until they have taken it back. A plugin that is away
 * is asked again when the daemon starts the next time.
 */
export class RemoteRecords {
  readonly #resources: ResourceTable;
  readonly #plugins: Plugins;
  readonly #log: Logger;

  constructor(options: { resources: ResourceTable; plugins: Plugins; log: Logger }) {
    this.#resources = options.resources;
    this.#plugins = options.plugins;
    this.#log = options.log;
  }

  /** Calls a method of a network driver or of an IPAM driver. */
  async call(plugin: string, method: string, request: object): Promise<Record<string, unknown>> {
    const [wanted = ""] = method.split(".");
    return (await this.#plugins.get(plugin, wanted)).call(method, request);
  }

  /** Asks for something that has a name of ours: its row comes first. When the plugin refuses, nothing is left. */
  async make<T>(thing: RemoteThing, owner: string, ask: () => Promise<T>): Promise<T> {
    this.note(thing, owner);
    try {
      return await ask();
    } catch (error) {
      this.#resources.release({ kind: thing.kind, key: keyOf(thing) });
      throw error;
    }
  }

  /** Writes down what a plugin has named itself. */
  note(thing: RemoteThing, owner: string): void {
    this.#resources.claim({ kind: thing.kind, key: keyOf(thing), owner });
  }

  /** What belongs to a network or a container, as it is to be taken back. */
  of(owner: string): RemoteThing[] {
    const rows = this.#resources.ofOwner(owner);
    return kinds.flatMap((kind) => rows.filter((row) => row.kind === kind)).map(thingOf);
  }

  /** All of them, with their owners. */
  all(): { thing: RemoteThing; owner: string }[] {
    const rows = kinds.flatMap((kind: ResourceKind) => this.#resources.ofKind(kind));
    return rows.map((row) => ({ thing: thingOf(row), owner: row.owner }));
  }

  /** Has the plugin take something back. Throws what it says; the row goes only when it has been done. */
  async takeBack(thing: RemoteThing): Promise<void> {
    await this.#undo(thing);
    this.#resources.release({ kind: thing.kind, key: keyOf(thing) });
  }

  /** As `takeBack`, of several; what fails is logged. A plugin that does not know the thing has nothing to take back. */
  async drop(things: readonly RemoteThing[]): Promise<void> {
    for (const thing of things) {
      try {
        await this.#undo(thing);
      } catch (error) {
        this.#log.warn("a network plugin did not take back what it had made", {
          ...thing,
          error: messageOf(error),
        });
        if (isEngineError(error, "unavailable") || isEngineError(error, "notFound")) continue;
      }
      this.#resources.release({ kind: thing.kind, key: keyOf(thing) });
    }
  }

  async #undo(thing: RemoteThing): Promise<void> {
    const { plugin } = thing;
    if (thing.kind === "pluginEndpoint") {
      const names = { NetworkID: thing.network, EndpointID: thing.endpoint };
      try {
        await this.call(plugin, "NetworkDriver.Leave", names);
      } finally {
        await this.call(plugin, "NetworkDriver.DeleteEndpoint", names);
      }
    } else if (thing.kind === "pluginPorts") {
      const names = { NetworkID: thing.network, EndpointID: thing.endpoint };
      await this.call(plugin, "NetworkDriver.RevokeExternalConnectivity", names);
    } else if (thing.kind === "pluginNetwork") {
      await this.call(plugin, "NetworkDriver.DeleteNetwork", { NetworkID: thing.network });
    } else if (thing.kind === "pluginAddress") {
      await this.call(plugin, "IpamDriver.ReleaseAddress", { PoolID: thing.pool, Address: thing.address });
    } else await this.call(plugin, "IpamDriver.ReleasePool", { PoolID: thing.pool });
  }
}
