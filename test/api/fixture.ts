import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../../src/base/log.ts";
import type { Handlers } from "../../src/daemon/http/handler.ts";
import { type Endpoint, listen } from "../../src/daemon/http/listeners.ts";
import { ApiServer } from "../../src/daemon/http/server.ts";

export interface TestServer extends AsyncDisposable {
  readonly server: ApiServer;
  readonly folder: string;
  /** Of the unix socket. */
  readonly path: string;
  /** Of each further endpoint: `tcp://127.0.0.1:4567`. */
  readonly addresses: readonly string[];
}

/** A server on a unix socket of its own, and on `endpoints`. */
export async function serve(
  handlers: Handlers,
  endpoints: (folder: string) => Endpoint[] = () => [],
): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), "api-test-"));
  const path = join(folder, "docker.sock");
  const server = new ApiServer({ handlers, serverName: "Docker/1.2.3 (linux)", log: silentLogger });
  const listening = [await listen(server, { kind: "unix", path }, silentLogger)];
  for (const endpoint of endpoints(folder)) listening.push(await listen(server, endpoint, silentLogger));
  return {
    server,
    folder,
    path,
    addresses: listening.slice(1).map(({ address }) => address),
    async [Symbol.asyncDispose]() {
      for (const one of listening) one[Symbol.dispose]();
      await server.close(0);
      rmSync(folder, { recursive: true });
    },
  };
}

/** A bare connection to a unix socket, for bytes that no client would send. */
export class RawClient implements Disposable {
  #socket: Bun.Socket<undefined> | undefined;
  #text = "";
  #ended = false;
  #wake: (() => void) | undefined;

  static async connect(path: string): Promise<RawClient> {
    const client = new RawClient();
    client.#socket = await Bun.connect({
      unix: path,
      allowHalfOpen: true,
      data: undefined,
      socket: {
        data: (_, bytes) => client.#got(bytes.toString("latin1")),
        end: () => client.#got(undefined),
        close: () => client.#got(undefined),
      },
    });
    return client;
  }

  #got(text: string | undefined): void {
    if (text === undefined) this.#ended = true;
    else this.#text += text;
    this.#wake?.();
  }

  send(text: string): void {
    this.#socket?.write(text);
  }

  halfClose(): void {
    this.#socket?.shutdown();
  }

  /** Everything so far, as soon as it holds `part`; throws when the server closes without it. */
  async until(part: string): Promise<string> {
    while (!this.#text.includes(part)) {
      if (this.#ended)
        throw new Error(`closed without ${JSON.stringify(part)}: ${JSON.stringify(this.#text)}`);
      await this.#more();
    }
    return this.#text;
  }

  /** Everything, when the server has closed its side. */
  async all(): Promise<string> {
    while (!this.#ended) await this.#more();
    return this.#text;
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  [Symbol.dispose](): void {
    this.#socket?.terminate();
  }
}
