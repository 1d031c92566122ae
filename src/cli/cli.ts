import { invalidArgument, messageOf } from "../base/errors.ts";
import type { Client } from "../client/client.ts";
import { type ConfigFile, readConfigFile } from "./config-file.ts";
import { type Endpoint, resolveEndpoint } from "./connection.ts";
import type { GlobalFlags } from "./globals.ts";
import { type Output, outputOn } from "./streams.ts";

/** What a command works with: the streams, the configuration, and the daemon. All of it is made on first use. */
export class Cli {
  readonly out: Output;
  readonly err: Output;
  readonly globals: GlobalFlags;
  #config: ConfigFile | undefined;
  #endpoint: Endpoint | undefined;
  #client: Promise<Client> | undefined;

  constructor(globals: GlobalFlags, out: Output = outputOn(1), err: Output = outputOn(2)) {
    this.globals = globals;
    this.out = out;
    this.err = err;
  }

  get configFolder(): string {
    return this.globals.config;
  }

  /** `config.json`; one that cannot be read is said once, and counts as empty. */
  get config(): ConfigFile {
    if (this.#config) return this.#config;
    try {
      this.#config = readConfigFile(this.configFolder);
    } catch (error) {
      this.err.write(`WARNING: ${messageOf(error)}\n`);
      this.#config = {};
    }
    return this.#config;
  }

  /** Where the daemon is. Throws when the command line or a context does not say it well. */
  get endpoint(): Endpoint {
    if (this.globals.context && this.globals.host.length > 0) {
      throw invalidArgument("conflicting options: cannot specify both --host and --context");
    }
    this.#endpoint ??= resolveEndpoint(this.globals, this.configFolder, this.config.currentContext);
    return this.#endpoint;
  }

  /** The connection to the daemon; nothing is sent before the first call. */
  client(): Promise<Client> {
    this.#client ??= this.#connect();
    return this.#client;
  }

  async #connect(): Promise<Client> {
    const { host, tls } = this.endpoint;
    const { createClient } = await import("../client/create.ts");
    return createClient({
      host,
      tls,
      version: process.env.DOCKER_API_VERSION || undefined,
      headers: this.config.HttpHeaders,
    });
  }

  /** Closes the connection, where there is one. */
  async close(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    await client?.[Symbol.asyncDispose]();
  }

  print(line: string): void {
    this.out.write(`${line}\n`);
  }

  printError(line: string): void {
    this.err.write(`${line}\n`);
  }
}
