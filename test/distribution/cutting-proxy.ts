import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** Stands before a registry, passes bytes on, and cuts connections on the way up. */
export class CuttingProxy implements AsyncDisposable {
  /** Bytes that came from the client. */
  received = 0;
  /** What the client sent, up to the first kilobyte of each connection and of what follows an answer. */
  readonly heads: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: string, limits: number[]) {
    const [host = "", port = ""] = target.split(":");
    this.#server = createServer((client) => {
      const registry = connect(Number(port), host);
      let left = Number.POSITIVE_INFINITY;
      client.on("data", (bytes) => {
        this.received += bytes.length;
        const head = bytes.toString("latin1", 0, 1024);
        if (/^[A-Z]+ \//.test(head)) this.heads.push(head);
        // Only what carries much is worth a cut.
        if (head.startsWith("PATCH")) left = limits.shift() ?? Number.POSITIVE_INFINITY;
        left -= bytes.length;
        if (left > 0) registry.write(bytes);
        else {
          registry.end(bytes);
          client.destroy();
        }
      });
      registry.on("data", (bytes) => client.write(bytes));
      for (const [socket, other] of [
        [client, registry],
        [registry, client],
      ] as const) {
        this.#sockets.add(socket);
        socket.on("error", () => {}); // the other side is told by the close
        socket.on("close", () => {
          this.#sockets.delete(socket);
          other.end();
        });
      }
    });
  }

  /** `limits`: for each request that carries a part of a blob, after how many bytes it is cut; then none is. */
  static async start(target: string, limits: number[]): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target, [...limits]);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
