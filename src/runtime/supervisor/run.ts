import { closeSync, existsSync, fstatSync, openSync, statSync } from "node:fs";
import { systemClock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { createLogger } from "../../base/log.ts";
import { tryLock } from "../../linux/fd.ts";
import { IdleMemory } from "../../linux/idle-memory.ts";
import { Poller } from "../../linux/poller.ts";
import { becomeSubreaper } from "../../linux/process.ts";
import { prepareRuntimes } from "../oci-runtime.ts";
import { adoptAll } from "./adoption.ts";
import { supervisorPaths } from "./paths.ts";
import { Reaper } from "./reaper.ts";
import { SupervisorServer } from "./server.ts";
import { Supervisor } from "./supervisor.ts";

/** How often it looks whether its folder is still there. */
const checkInterval = 2000;

/**
 * Runs the supervisor of `execRoot` until dockerd asks for its end, or until its folder is gone and nothing runs.
 * Resolves to the exit code; 0 also when another supervisor has the
 * folder already, or when there is none.
 */
export async function runSupervisor(options: { execRoot: string; debug: boolean }): Promise<number> {
  const { execRoot } = options;
  const log = createLogger(options.debug ? "debug" : "info");
  const paths = supervisorPaths(execRoot);
  // Whoever starts a supervisor makes the folder; when it is gone again by now, so is the need.
  if (!existsSync(execRoot)) return 0;
  const lock = openSync(paths.lock, "a", 0o600);
  if (!tryLock(lock)) {
    closeSync(lock);
    return 0;
  }
  process.chdir("/");
  becomeSubreaper();
  prepareRuntimes(execRoot);
  using poller = new Poller();
  using reaper = new Reaper();
  const supervisor = new Supervisor({ execRoot, poller, reaper, clock: systemClock, log });
  const { promise: ended, resolve: end } = Promise.withResolvers<number>();
  process.on("uncaughtException", (error) => log.error("unexpected error", { error: error.stack }));
  process.on("unhandledRejection", (error) => log.error("unexpected rejection", { error: messageOf(error) }));
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (supervisor.isBusy) log.warn("containers run: not ending", { signal });
      else end(0);
    });
  }
  process.on("SIGHUP", () => {});
  process.on("SIGPIPE", () => {});
  const ownsFolder = () => statSync(paths.lock, { throwIfNoEntry: false })?.ino === fstatSync(lock).ino;
  await adoptAll(supervisor, execRoot, log);
  using memory = new IdleMemory();
  using server = new SupervisorServer({
    socketPath: paths.socket,
    supervisor,
    log,
    ownsFolder,
    onRequest: () => memory.requested(),
    onShutdown: () => end(0),
  });
  await server.listen();
  const check = setInterval(() => {
    if (!ownsFolder()) {
      if (!supervisor.isBusy) end(0);
    } else if (!server.isReachable) {
      server.listen().catch((error) => log.error("cannot listen again", { error: messageOf(error) }));
    }
  }, checkInterval);
  log.info("supervisor is ready", { pid: process.pid, execRoot });
  const code = await ended;
  clearInterval(check);
  return code;
}
