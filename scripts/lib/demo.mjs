// The registry and the daemon of the quick start: where they are, and whether they run.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { root } from "./setup.mjs";

// A socket's path may have 107 bytes only, so it cannot be below the repository.
const name = createHash("sha256").update(root).digest("hex").slice(0, 8);
export const runDirectory = `/run/longshore-${name}`;
export const stateDirectory = join(root, ".longshore");
export const dockerHost = `unix://${runDirectory}/docker.sock`;
export const paths = {
  socket: join(runDirectory, "docker.sock"),
  execRoot: join(runDirectory, "exec"),
  dockerdPid: join(runDirectory, "dockerd.pid"),
  registryPid: join(runDirectory, "registry.pid"),
  registryAddress: join(runDirectory, "registry.address"),
  dataRoot: join(stateDirectory, "data"),
  registryRoot: join(stateDirectory, "registry"),
  dockerdLog: join(stateDirectory, "dockerd.log"),
  registryLog: join(stateDirectory, "registry.log"),
};

/** The pid in `file`, when the process that it names still is the program that was started. */
export function runningPid(file, program) {
  if (!existsSync(file)) return undefined;
  const pid = Number(readFileSync(file, "utf8"));
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0];
    return pid > 0 && command.endsWith(program) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Starts a program that outlives this script; its words go to `log`. */
export function startDetached(program, args, log) {
  mkdirSync(stateDirectory, { recursive: true });
  const output = openSync(log, "a");
  const child = spawn(join(root, "dist", program), args, {
    detached: true,
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  child.unref();
  return child;
}

/** Waits until somebody listens at `where` (a path, or a host and a port); throws when `child` ends before. */
export async function untilListening(where, child, log) {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (await canConnect(where)) return;
    if (child.exitCode !== null || child.signalCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(
    `it does not answer; its log says:\n${readFileSync(log, "utf8").split("\n").slice(-20).join("\n")}`,
  );
}

function canConnect(where) {
  return new Promise((resolve) => {
    const socket = connect(where);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** A TCP port of loopback that is free: `wanted`, or another one. */
export function freePort(wanted) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error) => (wanted === 0 ? reject(error) : resolve(freePort(0))));
    server.listen(wanted, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Ends a process by its pid: SIGTERM, and SIGKILL after ten seconds. Resolves when it is gone. */
export async function endProcess(pid) {
  for (const [signal, seconds] of [
    ["SIGTERM", 10],
    ["SIGKILL", 5],
  ]) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    for (let waited = 0; waited < seconds * 20; waited++) {
      if (!isAlive(pid)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function isAlive(pid) {
  try {
    readlinkSync(`/proc/${pid}/exe`);
    return true;
  } catch {
    return false;
  }
}

export function writePid(file, pid) {
  writeFileSync(file, `${pid}\n`);
}
