import { existsSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { sleep } from "../../base/async.ts";
import { internal, messageOf, unavailable } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { Pidfd } from "../../linux/pidfd.ts";
import { spawnDaemon } from "../../linux/spawn.ts";
import type { NamedSandbox, NameServer } from "../name-server.ts";
import type { KeptPort, PortKeeper } from "../port-keeper.ts";
import { type OfferedPort, type ResolverAnswer, type ResolverCall, resolverPaths } from "./protocol.ts";

type CallBody = ResolverCall extends infer Call
  ? Call extends ResolverCall
    ? Omit<Call, "id">
    : never
  : never;

const startPatience = 10_000;

/** A small heap needs no threads for its compiler and collector. */
const fewThreads = {
  BUN_JSC_useConcurrentJIT: "0",
  BUN_JSC_useConcurrentGC: "0",
  BUN_JSC_numberOfGCMarkers: "1",
};

interface Connected {
  socket: Socket;
  waiting: Map<number, (answer: Omit<ResolverAnswer, "id">) => void>;
}

/**
 * The daemon's side of the resolver: starts it when the first container or published port needs it, and starts another one when it has
 * died, which is told everything again.
 */
export class ResolverClient implements NameServer, PortKeeper {
  readonly #execRoot: string;
  readonly #command: readonly string[];
  readonly #log: Logger;
  readonly #known = new Map<string, NamedSandbox>();
  readonly #ports = new Map<string, OfferedPort>();
  #connection: Promise<Connected> | undefined;
  #lastId = 0;
  #closed = false;
  #isTelling = false;

  /** `command` starts a resolver, without its arguments. */
  constructor(options: { execRoot: string; command: readonly string[]; log: Logger }) {
    this.#execRoot = options.execRoot;
    this.#command = options.command;
    this.#log = options.log;
  }

  async put(sandbox: NamedSandbox): Promise<void> {
    this.#known.set(sandbox.containerId, sandbox);
    try {
      await this.#call({ call: "put", sandbox });
    } catch (error) {
      this.#known.delete(sandbox.containerId);
      throw error;
    }
  }

  drop(containerId: string): void {
    if (!this.#known.delete(containerId)) return;
    this.#call({ call: "drop", containerId }).catch((error: unknown) => {
      this.#log.warn("the resolver could not be told", { error: messageOf(error) });
    });
  }

  async replace(all: readonly NamedSandbox[]): Promise<void> {
    this.#known.clear();
    for (const sandbox of all) this.#known.set(sandbox.containerId, sandbox);
    // One of an earlier daemon may still answer for containers that have ended.
    if (all.length === 0 && !existsSync(resolverPaths(this.#execRoot).socket)) return;
    await this.#call({ call: "replace", all });
  }

  async adopt(): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    if (!existsSync(resolverPaths(this.#execRoot).socket)) return found;
    const { kept } = await this.#call({ call: "sockets" });
    using keeper = kept && Pidfd.open(kept.pid);
    if (!keeper) return found;
    for (const [key, fd] of Object.entries(kept.sockets)) found.set(key, keeper.duplicate(fd));
    return found;
  }

  keep(ports: readonly (KeptPort & { fd: number })[]): void {
    if (ports.length === 0) return;
    const offered = ports.map((port) => ({ ...port, pid: process.pid }));
    for (const port of offered) this.#ports.set(port.key, port);
    this.#call({ call: "keep", ports: offered }).catch((error: unknown) => {
      this.#log.error("published ports are not relayed", { error: messageOf(error) });
    });
  }

  async letGo(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#ports.delete(key);
    // Whoever has ended holds nothing.
    if (keys.length === 0 || !this.#connection) return;
    await this.#call({ call: "letGo", keys }).catch((error: unknown) => {
      this.#log.warn("published ports could not be closed", { error: messageOf(error) });
    });
  }

  async close({ last }: { last: boolean }): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const { socket: path } = resolverPaths(this.#execRoot);
    const running = this.#connection ?? (existsSync(path) ? this.#connect(await open(path)) : undefined);
    if (!running) return;
    const connected = await running;
    // The answer says that all before it has been done.
    const farewell = last ? ({ call: "end" } as const) : ({ call: "sockets" } as const);
    await this.#ask(connected, farewell).catch(() => {}); // it has ended by itself
    connected.socket.destroy();
    while (last && existsSync(path)) await sleep(5);
  }

  async #call(body: CallBody): Promise<Omit<ResolverAnswer, "id">> {
    this.#connection ??= this.#connectOrLaunch();
    try {
      return await this.#ask(await this.#connection, body);
    } catch (error) {
      throw internal(`the resolver of container names failed: ${messageOf(error)}`, error);
    }
  }

  async #ask({ socket, waiting }: Connected, body: CallBody): Promise<Omit<ResolverAnswer, "id">> {
    const id = ++this.#lastId;
    const { promise, resolve } = Promise.withResolvers<Omit<ResolverAnswer, "id">>();
    waiting.set(id, resolve);
    socket.write(`${JSON.stringify({ id, ...body })}\n`);
    const answer = await promise;
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }

  async #connectOrLaunch(): Promise<Connected> {
    const { socket: path, log: logFile } = resolverPaths(this.#execRoot);
    try {
      const socket = (await open(path)) ?? (await this.#launch(path, logFile));
      return await this.#connect(socket);
    } catch (error) {
      this.#connection = undefined;
      throw error;
    }
  }

  async #connect(socket: Socket | undefined): Promise<Connected> {
    if (!socket) throw unavailable("there is no resolver");
    const waiting: Connected["waiting"] = new Map();
    const lines = createInterface({ input: socket });
    lines.on("line", (line) => {
      const { id, ...answer } = JSON.parse(line) as ResolverAnswer;
      waiting.get(id)?.(answer);
      waiting.delete(id);
    });
    // It is closed then.
    for (const one of [socket, lines]) one.on("error", () => socket.destroy());
    socket.on("close", () => {
      for (const resolve of waiting.values()) resolve({ error: "it has ended" });
      this.#lost();
    });
    return { socket, waiting };
  }

  /** Whoever runs is to be answered again. */
  #lost(): void {
    this.#connection = undefined;
    if (this.#closed || (this.#known.size === 0 && this.#ports.size === 0) || this.#isTelling) return;
    this.#log.warn("the resolver of container names has ended; starting another one");
    void this.#tellAll();
  }

  async #tellAll(): Promise<void> {
    this.#isTelling = true;
    try {
      await this.#tellUntilHeard();
    } finally {
      this.#isTelling = false;
    }
  }

  async #tellUntilHeard(): Promise<void> {
    // One that is about to end may still take a connection.
    for (let pause = 10; !this.#closed; pause = Math.min(pause * 2, 2000)) {
      await sleep(pause);
      try {
        await this.#call({ call: "replace", all: [...this.#known.values()] });
        await this.#call({ call: "keep", ports: [...this.#ports.values()] });
        return;
      } catch (error) {
        this.#log.error("containers cannot resolve names, and published ports are not relayed", {
          error: messageOf(error),
        });
      }
    }
  }

  async #launch(path: string, logFile: string): Promise<Socket> {
    const {
      BUN_OPTIONS: _o,
      BUN_BE_BUN: _b,
      NOTIFY_SOCKET: _n,
      LISTEN_FDS: _f,
      LISTEN_PID: _p,
      ...env
    } = process.env;
    const command = [...this.#command, "--exec-root", this.#execRoot];
    spawnDaemon(command, { logFile, env: { ...env, ...fewThreads } });
    const deadline = performance.now() + startPatience;
    while (performance.now() < deadline) {
      await sleep(2);
      const socket = await open(path);
      if (socket) return socket;
    }
    throw unavailable(`the resolver does not answer; ${logFile} may say why`);
  }
}

/** Undefined when nobody listens. */
function open(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => resolve(socket)).once("error", () => resolve(undefined));
  });
}
