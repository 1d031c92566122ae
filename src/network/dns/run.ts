import { existsSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { messageOf } from "../../base/errors.ts";
import { createLogger, type Logger } from "../../base/log.ts";
import { Pidfd } from "../../linux/pidfd.ts";
import { Relays } from "../relays.ts";
import { type OfferedPort, type ResolverAnswer, type ResolverCall, resolverPaths } from "./protocol.ts";
import { NameResolver } from "./resolver.ts";

/** How often it looks whether anybody needs it. */
const checkMillis = 2000;

/**
 * Runs the resolver of `execRoot`, which keeps published ports as well, until its daemon ends it, or until there is neither a
 * daemon nor a container. It lives on when the daemon dies: containers find each other, and are reached, all the same. Resolves to the exit code.
 */
export async function runResolver({ execRoot }: { execRoot: string }): Promise<number> {
  const log = createLogger("info");
  const { socket: path } = resolverPaths(execRoot);
  if (!existsSync(execRoot)) return 0;
  process.chdir("/");
  process.on("uncaughtException", (error) => log.error("unexpected error", { error: error.stack }));
  process.on("unhandledRejection", (error) => log.error("unexpected rejection", { error: messageOf(error) }));
  process.on("SIGHUP", () => {});
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => end());
  using resolver = new NameResolver(log);
  using relays = new Relays();
  const clients = new Set<Socket>();
  const server = createServer((socket) => {
    clients.add(socket);
    socket.on("close", () => clients.delete(socket));
    serve(socket, { resolver, relays }, end, log);
  });
  // Its daemon starts it only when nobody listens here.
  rmSync(path, { force: true });
  await new Promise<void>((done) => server.listen(path, done));
  const check = setInterval(() => {
    if (!existsSync(path) || (clients.size === 0 && resolver.isIdle && relays.isIdle)) end();
  }, checkMillis);
  await ended;
  clearInterval(check);
  server.close();
  for (const client of clients) client.destroy();
  rmSync(path, { force: true });
  return 0;
}

interface Duties {
  resolver: NameResolver;
  relays: Relays;
}

function serve(socket: Socket, duties: Duties, end: () => void, log: Logger): void {
  const lines = createInterface({ input: socket });
  // A daemon that was killed.
  for (const one of [socket, lines]) one.on("error", () => socket.destroy());
  lines.on("line", (line) => {
    const call = JSON.parse(line) as ResolverCall;
    const answer: ResolverAnswer = { id: call.id };
    try {
      if (call.call === "sockets") answer.kept = { pid: process.pid, sockets: duties.relays.sockets() };
      else carryOut(call, duties);
    } catch (error) {
      answer.error = messageOf(error);
      log.warn("a call failed", { call: call.call, error: answer.error });
    }
    socket.write(`${JSON.stringify(answer)}\n`, () => {
      if (call.call === "end") end();
    });
  });
}

function carryOut(call: ResolverCall, { resolver, relays }: Duties): void {
  if (call.call === "put") resolver.put(call.sandbox);
  else if (call.call === "drop") resolver.drop(call.containerId);
  else if (call.call === "replace") resolver.replace(call.all);
  else if (call.call === "letGo") for (const key of call.keys) relays.drop(key);
  else if (call.call === "keep") keepAll(call.ports, relays);
}

/** One that fails does not keep the others from working. */
function keepAll(ports: readonly OfferedPort[], relays: Relays): void {
  const failures: string[] = [];
  for (const port of ports) {
    try {
      relays.keep(port, () => socketOf(port));
    } catch (error) {
      failures.push(`${port.key}: ${messageOf(error)}`);
    }
  }
  if (failures.length > 0) throw new Error(failures.join("; "));
}

/** A duplicate of the socket that the daemon has. */
function socketOf({ pid, fd }: OfferedPort): number {
  using daemon = Pidfd.open(pid);
  if (!daemon) throw new Error(`the daemon ${pid} has ended`);
  return daemon.duplicate(fd);
}
