import { sleep } from "../base/async.ts";
import { internal, messageOf, notFound, unavailable } from "../base/errors.ts";
import { findPlugin, type PluginAddress, type PluginFolders } from "./discovery.ts";

/** The protocol of Docker's plugins, version 1: JSON over HTTP, each call a POST to `/<Interface>.<Method>`. */
const mediaType = "application/vnd.docker.plugins.v1.2+json";
/** How long a call may take; a driver may have a disk to find. In milliseconds. */
const patience = 120_000;
/** A plugin that is being started again gets so long until it listens. In milliseconds. */
const connectPatience = 5_000;
const connectPause = 200;

/** A plugin that has been activated. */
export class Plugin {
  readonly name: string;
  /** What it can do: `VolumeDriver`, `NetworkDriver`, `IpamDriver`, … */
  readonly implements: readonly string[];
  readonly #address: PluginAddress;

  private constructor(address: PluginAddress, implemented: readonly string[]) {
    this.name = address.name;
    this.#address = address;
    this.implements = implemented;
  }

  /** Says hello to it (`Plugin.Activate`). Throws `unavailable` when it does not answer. */
  static async activate(address: PluginAddress): Promise<Plugin> {
    const { Implements: list } = await post(address, "Plugin.Activate", {});
    return new Plugin(address, Array.isArray(list) ? list.map(String) : []);
  }

  /**
   * Calls a method (`VolumeDriver.Mount`) and returns its answer. Throws `internal` with what the plugin says is wrong,
   * `notFound` when it does not have the method, and `unavailable` when it does not answer.
   */
  async call(method: string, request: object): Promise<Record<string, unknown>> {
    const answer = await post(this.#address, method, request);
    if (typeof answer.Err === "string" && answer.Err !== "") throw internal(answer.Err);
    return answer;
  }
}

async function post(
  address: PluginAddress,
  method: string,
  request: object,
): Promise<Record<string, unknown>> {
  const response = await reach(address, method, JSON.stringify(request));
  const text = await response.text();
  if (response.status === 200) return parse(method, text);
  const reason = errorIn(text) || `status ${response.status}`;
  throw (response.status === 404 ? notFound : internal)(`${method}: ${reason}`);
}

async function reach(address: PluginAddress, method: string, body: string): Promise<Response> {
  const { socket, url, tls, name } = address;
  const options = {
    method: "POST",
    body,
    headers: { Accept: mediaType, "Content-Type": mediaType },
    ...(socket === undefined ? {} : { unix: socket }),
    ...(tls && { tls }),
  };
  for (const end = Date.now() + connectPatience; ; ) {
    try {
      const signal = AbortSignal.timeout(patience);
      return await fetch(`${url ?? "http://plugin"}/${method}`, { ...options, signal });
    } catch (error) {
      const refused = ["ConnectionRefused", "FailedToOpenSocket", "ECONNREFUSED"].includes(codeOf(error));
      if (!refused || Date.now() > end) {
        const where = socket ?? url;
        throw unavailable(
          `plugin ${JSON.stringify(name)} at ${where} does not answer: ${messageOf(error)}`,
          error,
        );
      }
      await sleep(connectPause);
    }
  }
}

const codeOf = (error: unknown) =>
  typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";

function parse(method: string, text: string): Record<string, unknown> {
  if (text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw internal(`${method}: the plugin's answer is not a JSON object: ${text.slice(0, 200)}`);
}

/** What a plugin says in an answer that is not 200: `{"Err": "…"}`, or plain text. */
function errorIn(text: string): string {
  try {
    const { Err } = JSON.parse(text) as { Err?: unknown };
    if (typeof Err === "string") return Err;
  } catch {
    // Plain text.
  }
  return text.trim();
}

/** The plugins that have been used, activated once each. */
export class Plugins {
  readonly #folders: PluginFolders;
  readonly #active = new Map<string, Promise<Plugin>>();

  constructor(folders: PluginFolders) {
    this.#folders = folders;
  }

  /**
   * The plugin of that name. Throws `notFound` when it is not there, or does not implement what is wanted
   * (`VolumeDriver`).
   */
  async get(name: string, wanted: string): Promise<Plugin> {
    const address = findPlugin(name, this.#folders);
    const plugin = await this.#activated(name, address);
    if (plugin.implements.includes(wanted)) return plugin;
    throw notFound(
      `plugin ${JSON.stringify(name)} does not implement the interface ${JSON.stringify(wanted)}`,
    );
  }

  #activated(name: string, address: PluginAddress): Promise<Plugin> {
    const known = this.#active.get(name);
    if (known) return known;
    const activation = Plugin.activate(address);
    this.#active.set(name, activation);
    // The next call tries again.
    activation.catch(() => this.#active.delete(name));
    return activation;
  }
}
