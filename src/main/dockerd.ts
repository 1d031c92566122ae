import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { buildCommit, buildVersion, dockerRelease } from "../base/build.ts";
import { conflict, isEngineError, messageOf } from "../base/errors.ts";
import { createLogger, type Logger } from "../base/log.ts";
import { setTracer } from "../base/trace.ts";
import { type DaemonConfig, loadConfig } from "../daemon/config/config.ts";
import { helpText } from "../daemon/config/help.ts";
import { endpointsOf } from "../daemon/config/hosts.ts";
import { reload } from "../daemon/config/reload.ts";
import { engineSettings, logLevelOf } from "../daemon/config/settings.ts";
import { type Endpoint, listen } from "../daemon/http/listeners.ts";
import { ApiServer } from "../daemon/http/server.ts";
import { allHandlers } from "../daemon/routes/all.ts";
import { openEngine } from "../engine/open.ts";
import { verifyStore } from "../engine/verify.ts";
import { IdleMemory } from "../linux/idle-memory.ts";
import { notifyServiceManager } from "../linux/service-manager.ts";

/** For requests that are under way when the daemon is asked to end; streams are cut after it. */
const shutdownGraceMillis = 1000;

/** `dockerd`: resolves with the exit code when a signal ends it, or when it cannot start. */
export async function main(argv: string[]): Promise<number> {
  try {
    const loaded = loadConfig(argv);
    const { config } = loaded;
    if (config.help) return print(helpText());
    if (config.version)
      return print(`Docker version ${dockerRelease}, build ${buildCommit} (Longshore ${buildVersion})\n`);
    if (config.validate) return print("configuration OK\n");
    if (config.verify) return await verify(config);
    const code = await serve(config, endpointsOf(loaded), argv);
    endSurely(code);
    return code;
  } catch (error) {
    process.stderr.write(`${isEngineError(error) ? error.message : traceOf(error)}\n`);
    return 1;
  }
}

/** The exit code is that of fsck(8): 0 sound, 1 mended, 4 something is left to do, 8 it could not be checked. */
async function verify(config: DaemonConfig): Promise<number> {
  try {
    const { mended, left } = await verifyStore(engineSettings(config), createLogger(logLevelOf(config)));
    print(`${config.dataRoot}: ${mended} mended, ${left} left\n`);
    return left > 0 ? 4 : Math.min(mended, 1);
  } catch (error) {
    if (!isEngineError(error)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 8;
  }
}

/** Something of ours that was forgotten open must not keep a daemon that everything else has left. */
function endSurely(code: number): void {
  const end = () => {
    process.stderr.write("dockerd: ended by force: something was still open\n");
    process.exit(code);
  };
  setTimeout(end, shutdownGraceMillis).unref();
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

async function serve(
  config: DaemonConfig,
  endpoints: readonly Endpoint[],
  argv: readonly string[],
): Promise<number> {
  const log = createLogger(logLevelOf(config));
  if (config.selinuxEnabled) log.warn("Docker could not enable SELinux on the host system");
  // What Bun would take from it must not reach the programs that the daemon starts.
  for (const name of ["BUN_OPTIONS", "BUN_BE_BUN"]) delete process.env[name];
  survive(log);
  // Whoever asks for a reload before the daemon is up has nothing to wait for, and must not end it.
  let onReload = () => {};
  process.on("SIGHUP", () => onReload());
  using _pidfile = claimPidfile(config.pidfile);
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
  });
  using _tracing = await traceTo(process.env.DOCKERD_TRACE);
  await using engine = await openEngine(engineSettings(config), log);
  let current = config;
  onReload = () => {
    current = reload(engine, current, argv, log);
  };
  using memory = new IdleMemory();
  const server = new ApiServer({
    handlers: allHandlers(engine),
    serverName: `Docker/${dockerRelease} (linux)`,
    experimental: config.experimental,
    onRequest: () => memory.requested(),
    log,
  });
  const listening = await Promise.all(endpoints.map((endpoint) => listen(server, endpoint, log)));
  for (const { address } of listening) log.info(`API listen on ${address}`);
  log.info("Daemon has completed initialization");
  notify("READY=1", log);
  const signal = await stopped;
  log.info("Processing signal", { signal });
  notify("STOPPING=1", log);
  for (const one of listening) one[Symbol.dispose]();
  await server.close(shutdownGraceMillis);
  return 0;
}

/** A service manager that is not told kills the daemon after a while, or waits: the log says why. */
function notify(state: "READY=1" | "STOPPING=1", log: Logger): void {
  try {
    notifyServiceManager(state);
  } catch (error) {
    log.warn(`could not tell the service manager ${state}`, { error: messageOf(error) });
  }
}

/** `DOCKERD_TRACE=FILE`: what the daemon does, as OpenTelemetry's spans. Loaded only then. */
async function traceTo(path: string | undefined): Promise<Disposable | undefined> {
  if (!path) return undefined;
  const { TraceFile } = await import("../daemon/tracing/trace-file.ts");
  const file = new TraceFile(path);
  const tracing = setTracer(file);
  return {
    [Symbol.dispose]: () => {
      tracing[Symbol.dispose]();
      file[Symbol.dispose]();
    },
  };
}

function traceOf(error: unknown): string {
  return (error instanceof Error && error.stack) || messageOf(error);
}

/** A mistake of ours in one corner must not end the daemon, and never silently. */
function survive(log: Logger): void {
  const report = (what: string) => (error: unknown) => log.error(what, { error: traceOf(error) });
  process.on("uncaughtException", report("unexpected error"));
  process.on("unhandledRejection", report("unexpected rejection"));
}

/** Throws `conflict` when another daemon has it. */
function claimPidfile(path: string): Disposable {
  if (existsSync(path)) {
    const pid = Number(readFileSync(path, "utf8"));
    if (pid > 0 && pid !== process.pid && isDaemon(pid)) {
      throw conflict(
        `process with PID ${pid} is still running: pid file found, ensure docker is not running or delete ${path}`,
      );
    }
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, String(process.pid));
  return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
}

/** A pid is used again after a reboot: it counts only when a daemon has it. */
function isDaemon(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("dockerd");
  } catch {
    return false;
  }
}
