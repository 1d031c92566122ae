import { existsSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { messageOf } from "../../base/errors.ts";
import { createLogger, type Logger } from "../../base/log.ts";
import { type ResolverAnswer, type ResolverCall, resolverPaths } from "./protocol.ts";
import { NameResolver } from "./resolver.ts";

/** How often it looks whether anybody needs it. */
const checkMillis = 2000;

/**
 * Runs the resolver of `execRoot`, until its daemon ends it, or until there is neither a daemon nor a container. It lives
 * on when the daemon dies: containers find each other all the same. Resolves to the exit code.
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
  const clients = new Set<Socket>();
  const server = createServer((socket) => {
    clients.add(socket);
    socket.on("close", () => clients.delete(socket));
    serve(socket, resolver, end, log);
  });
  // Its daemon starts it only when nobody listens here.
  rmSync(path, { force: true });
  await new Promise<void>((done) => server.listen(path, done));
  const check = setInterval(() => {
    if (!existsSync(path) || (clients.size === 0 && resolver.isIdle)) end();
  }, checkMillis);
  await ended;
  clearInterval(check);
  server.close();
  for (const client of clients) client.destroy();
  rmSync(path, { force: true });
  return 0;
}

function serve(socket: Socket, resolver: NameResolver, end: () => void, log: Logger): void {
  const lines = createInterface({ input: socket });
  // A daemon that was killed.
  for (const one of [socket, lines]) one.on("error", () => socket.destroy());
  lines.on("line", (line) => {
    const call = JSON.parse(line) as ResolverCall;
    const answer: ResolverAnswer = { id: call.id };
    try {
      carryOut(call, resolver);
    } catch (error) {
      answer.error = messageOf(error);
      log.warn("a call failed", { call: call.call, error: answer.error });
    }
    socket.write(`${JSON.stringify(answer)}\n`, () => {
      if (call.call === "end") end();
    });
  });
}

function carryOut(call: ResolverCall, resolver: NameResolver): void {
  if (call.call === "put") resolver.put(call.sandbox);
  else if (call.call === "drop") resolver.drop(call.containerId);
  else if (call.call === "replace") resolver.replace(call.all);
}
