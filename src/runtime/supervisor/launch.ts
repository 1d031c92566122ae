import { mkdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { sleep } from "../../base/async.ts";
import { errnoOf, invalidArgument, unavailable } from "../../base/errors.ts";
import { spawnDaemon } from "../../linux/spawn.ts";
import { supervisorPaths } from "./paths.ts";

/** `sun_path` of unix(7), with its NUL. */
const longestSocketPath = 107;

/** How long a supervisor that was started may take until it answers: it may have to take up many containers. */
const startPatience = 30_000;

/**
 * A small heap needs no threads for its compiler and collector. More than that: a thread that begins while a runtime
 * is started in a mount namespace of its own (linux/spawn.ts) stays there, and holds what is mounted there.
 */
const fewThreads = {
  BUN_JSC_useConcurrentJIT: "0",
  BUN_JSC_useConcurrentGC: "0",
  BUN_JSC_numberOfGCMarkers: "1",
};

/** Connects to the supervisor of `execRoot`; undefined when none listens. */
function connectSocket(execRoot: string): Promise<Socket | undefined> {
  const path = supervisorPaths(execRoot).socket;
  if (Buffer.byteLength(path) > longestSocketPath) {
    throw invalidArgument(`the exec root's path is too long for a socket in it: ${execRoot}`);
  }
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true });
    socket.once("connect", () => {
      socket.off("error", onError);
      resolve(socket);
    });
    const onError = (error: Error) => {
      const code = errnoOf(error);
      if (code === "ENOENT" || code === "ECONNREFUSED") resolve(undefined);
      else reject(unavailable(`cannot connect to the supervisor: ${error.message}`, error));
    };
    socket.on("error", onError);
  });
}

/**
 * Connects, and starts a supervisor when none listens. It outlives this process: own session, no pipes in common.
 * Throws `unavailable`.
 */
export async function connectOrLaunch(execRoot: string, command: readonly string[]): Promise<Socket> {
  const deadline = performance.now() + startPatience;
  let socket = await connectSocket(execRoot);
  if (socket) return socket;
  const child = launch(execRoot, command);
  let exitCode: number | undefined;
  void child.exited.then((code) => {
    exitCode = code;
  });
  while (performance.now() < deadline) {
    await sleep(2);
    socket = await connectSocket(execRoot);
    if (socket) return socket;
    // Code 0: another one was faster, and will listen soon.
    if (exitCode !== undefined && exitCode !== 0) break;
  }
  const { log } = supervisorPaths(execRoot);
  const how = exitCode === undefined ? "does not answer" : `ended with code ${exitCode}`;
  throw unavailable(`the supervisor ${how}; ${log} may say why`);
}

function launch(execRoot: string, command: readonly string[]): { exited: Promise<number> } {
  mkdirSync(execRoot, { recursive: true, mode: 0o711 });
  // Variables that make the runtime load code, and those of systemd's sockets and watchdog, are not for children.
  const {
    BUN_OPTIONS: _o,
    BUN_BE_BUN: _b,
    NOTIFY_SOCKET: _n,
    LISTEN_FDS: _f,
    LISTEN_PID: _p,
    ...env
  } = process.env;
  return spawnDaemon([...command, "--exec-root", execRoot], {
    logFile: supervisorPaths(execRoot).log,
    env: { ...env, ...fewThreads },
  });
}
