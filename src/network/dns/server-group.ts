import { createSocket, type Socket } from "node:dgram";
import { connect, isIPv6, Socket as TcpSocket } from "node:net";
import { cryptoRandom } from "../../base/ids.ts";
import { bindSocket, connectSocket } from "../../linux/inet-socket.ts";
import { inNetns } from "../../linux/namespace.ts";
import { answers, isTruncated, type Query, rcode, rcodeOf } from "./message.ts";

/** How long servers have until the question is sent again, and until it is given up, in milliseconds. */
const attempts = [800, 1600, 3000];
const tcpPatience = 4000;
/** How long a server that did not answer is asked only when the others do not answer either. */
const restMillis = 15_000;
/** Healthy servers that are asked at a time. */
const asked = 2;
/** Source ports are changed from time to time: who guesses them has to guess again. */
const questionsASocket = 500;

/** Questions that may be waiting for an answer at a time: there are 65,536 ids, and each waits in memory. */
const mostWaiting = 8192;

interface Health {
  address: string;
  /** In a row. */
  failures: number;
  restsUntil: number;
}

/** An answer that the next server may do better than. */
const isPoor = (reply: Buffer) =>
  ([rcode.serverFailure, rcode.refused, rcode.notImplemented] as number[]).includes(rcodeOf(reply));

/** Servers that are asked together, from the host or from a container's namespace. */
export class ServerGroup implements Disposable {
  readonly key: string;
  readonly netns: string | undefined;
  readonly #servers: Health[];
  readonly #waiting = new Map<number, (reply: Buffer, from: string) => void>();
  readonly #sockets = new Map<4 | 6, { socket: Socket; left: number }>();

  constructor(key: string, servers: readonly string[], netns: string | undefined) {
    this.key = key;
    this.netns = netns;
    this.#servers = servers.map((address) => ({ address, failures: 0, restsUntil: 0 }));
  }

  /** The first good answer; else the first poor one; undefined when nobody answered, or too many are waiting already. */
  async ask(query: Query): Promise<Buffer | undefined> {
    if (this.#waiting.size >= mostWaiting) return undefined;
    const found = await this.#askUdp(query);
    if (!found || !isTruncated(found.reply)) return found?.reply;
    return (await this.#askTcp(query, found.from)) ?? found.reply;
  }

  /** Those that answered last first; those that rest last. */
  #inOrder(): Health[] {
    const now = performance.now();
    return this.#servers.toSorted((a, b) => Number(a.restsUntil > now) - Number(b.restsUntil > now));
  }

  async #askUdp(query: Query): Promise<{ reply: Buffer; from: string } | undefined> {
    const order = this.#inOrder();
    if (order.length === 0) return undefined;
    const id = this.#freeId();
    const message = Buffer.from(query.message);
    message.writeUInt16BE(id, 0);
    const { promise, resolve } = Promise.withResolvers<{ reply: Buffer; from: string } | undefined>();
    let poor: { reply: Buffer; from: string } | undefined;
    const heard = new Set<string>();
    this.#waiting.set(id, (reply, from) => {
      if (!answers(reply, query) || heard.has(from) || !order.some(({ address }) => address === from)) return;
      heard.add(from);
      this.#answered(from);
      if (!isPoor(reply)) return resolve({ reply, from });
      poor ??= { reply, from };
      if (heard.size === order.length) resolve(poor);
      // The next ones need not wait for the clock.
      else for (const { address } of order) if (!heard.has(address)) this.#send(message, address);
    });
    const timers = attempts.map((millis, at) =>
      setTimeout(() => {
        if (at === attempts.length - 1) return resolve(poor);
        for (const server of order) {
          if (!heard.has(server.address)) this.#send(message, server.address);
        }
      }, millis),
    );
    for (const { address } of order.slice(0, asked)) this.#send(message, address);
    try {
      return await promise;
    } finally {
      for (const timer of timers) clearTimeout(timer);
      this.#waiting.delete(id);
      if (heard.size === 0) for (const { address } of order) this.#failed(address);
      else for (const { address } of order.slice(0, asked)) if (!heard.has(address)) this.#slow(address);
    }
  }

  #of(address: string): Health | undefined {
    return this.#servers.find((server) => server.address === address);
  }

  #answered(address: string): void {
    const server = this.#of(address);
    if (server) Object.assign(server, { failures: 0, restsUntil: 0 });
  }

  /** Another one was faster: that says little, but when it is always so this one is not needed first. */
  #slow(address: string): void {
    const server = this.#of(address);
    if (server && ++server.failures >= 8) server.restsUntil = performance.now() + restMillis;
  }

  #failed(address: string): void {
    const server = this.#of(address);
    if (!server) return;
    server.failures++;
    server.restsUntil = performance.now() + restMillis;
  }

  #freeId(): number {
    for (;;) {
      const [high = 0, low = 0] = cryptoRandom(2);
      const id = (high << 8) | low;
      if (!this.#waiting.has(id)) return id;
    }
  }

  #send(message: Buffer, address: string): void {
    try {
      // An unreachable server is one that does not answer.
      this.#socket(isIPv6(address) ? 6 : 4).send(message, 53, address, () => {});
    } catch {
      this.#failed(address);
    }
  }

  #socket(family: 4 | 6): Socket {
    const present = this.#sockets.get(family);
    if (present && present.left-- > 0) return present.socket;
    // Answers may still come to the one before.
    if (present) setTimeout(() => present.socket.close(), attempts.at(-1)).unref();
    const open = () => bindSocket("udp", { ip: family === 4 ? "0.0.0.0" : "::", port: 0 });
    const fd = this.netns === undefined ? open() : inNetns(this.netns, open);
    const socket = createSocket(family === 4 ? "udp4" : "udp6");
    socket.on("message", (reply, { address, port }) => {
      if (port === 53 && reply.length >= 12) this.#waiting.get(reply.readUInt16BE(0))?.(reply, address);
    });
    socket.on("error", () => {}); // as #send
    socket.bind({ fd });
    this.#sockets.set(family, { socket, left: questionsASocket });
    return socket;
  }

  /** Over TCP, where an answer can be of any length. */
  #askTcp(query: Query, ip: string): Promise<Buffer | undefined> {
    const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
    const open = () => connectSocket("tcp", { ip, port: 53 });
    const socket =
      this.netns === undefined
        ? connect({ host: ip, port: 53 })
        : new TcpSocket().connect({ fd: inNetns(this.netns, open) } as never);
    let seen: Buffer = Buffer.alloc(0);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.message.length, 0);
    socket.setTimeout(tcpPatience, () => resolve(undefined));
    socket.on("error", () => resolve(undefined)).on("close", () => resolve(undefined));
    socket.on("data", (piece: Buffer) => {
      seen = Buffer.concat([seen, piece]);
      if (seen.length < 2 || seen.length < 2 + seen.readUInt16BE(0)) return;
      const reply = seen.subarray(2, 2 + seen.readUInt16BE(0));
      resolve(answers(reply, query) ? Buffer.from(reply) : undefined);
    });
    socket.write(Buffer.concat([length, query.message]));
    return promise.finally(() => socket.destroy());
  }

  [Symbol.dispose](): void {
    for (const { socket } of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }
}
