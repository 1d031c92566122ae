import { internal, isEngineError, messageOf } from "../base/errors.ts";
import type { Plugin, Plugins } from "../plugins/client.ts";
import type { VolumeDriver, VolumeDrivers, VolumeFacts } from "./driver.ts";
import type { Volume } from "./volume.ts";

/** A plugin that keeps volumes (`VolumeDriver` of Docker's plugin protocol). */
export class PluginDriver implements VolumeDriver {
  readonly name: string;
  readonly scope: "local" | "global";
  readonly #plugin: Plugin;

  private constructor(name: string, plugin: Plugin, scope: "local" | "global") {
    this.name = name;
    this.#plugin = plugin;
    this.scope = scope;
  }

  static async open(name: string, plugin: Plugin): Promise<PluginDriver> {
    return new PluginDriver(name, plugin, await scopeOf(plugin));
  }

  /** The plugin itself says what is wrong with its options. */
  check(): void {}

  async create(name: string, options: Readonly<Record<string, string>>): Promise<void> {
    // It may have the volume from another host, or from a life before.
    if (await this.#find(name)) return;
    await this.#plugin.call("VolumeDriver.Create", { Name: name, Opts: options });
  }

  async #find(name: string): Promise<Record<string, unknown> | undefined> {
    try {
      const { Volume: found } = await this.#plugin.call("VolumeDriver.Get", { Name: name });
      return typeof found === "object" && found !== null ? (found as Record<string, unknown>) : undefined;
    } catch (error) {
      if (isEngineError(error, "unavailable")) throw error;
      // That is how a plugin says that it does not have one.
      return undefined;
    }
  }

  async remove({ name }: Volume): Promise<() => Promise<void>> {
    await this.#plugin.call("VolumeDriver.Remove", { Name: name });
    return async () => {};
  }

  needsMount(): boolean {
    return true;
  }

  async mount({ name }: Volume, user: string): Promise<string> {
    try {
      const { Mountpoint } = await this.#plugin.call("VolumeDriver.Mount", { Name: name, ID: user });
      if (typeof Mountpoint === "string" && Mountpoint.startsWith("/")) return Mountpoint;
      throw internal(`the plugin tells no mount point`);
    } catch (error) {
      throw internal(`error while mounting volume '${name}': VolumeDriver.Mount: ${messageOf(error)}`, error);
    }
  }

  async unmount({ name }: Volume, user: string): Promise<void> {
    await this.#plugin.call("VolumeDriver.Unmount", { Name: name, ID: user });
  }

  async inspect({ name }: Volume): Promise<VolumeFacts> {
    const { Mountpoint, Status } = (await this.#find(name)) ?? {};
    return {
      mountpoint: typeof Mountpoint === "string" ? Mountpoint : "",
      ...(typeof Status === "object" && Status !== null ? { status: Status as Record<string, unknown> } : {}),
    };
  }
}

/** A plugin that does not tell, or tells nonsense, has volumes of this host. */
async function scopeOf(plugin: Plugin): Promise<"local" | "global"> {
  try {
    const { Capabilities } = await plugin.call("VolumeDriver.Capabilities", {});
    const { Scope } = (Capabilities ?? {}) as { Scope?: unknown };
    return String(Scope).toLowerCase() === "global" ? "global" : "local";
  } catch (error) {
    if (isEngineError(error, "unavailable")) throw error;
    return "local";
  }
}

/** Drivers of volumes that are plugins. */
export function pluginDrivers(plugins: Plugins): VolumeDrivers {
  const known = new WeakMap<Plugin, Promise<PluginDriver>>();
  return {
    async get(name) {
      const plugin = await plugins.get(name, "VolumeDriver");
      const driver = known.get(plugin) ?? PluginDriver.open(name, plugin);
      known.set(plugin, driver);
      driver.catch(() => known.delete(plugin));
      return driver;
    },
  };
}
