import { closeSync, openSync } from "node:fs";
import { type HiddenMount, withoutMount } from "./hidden-mount.ts";

/** A file descriptor of this process, `ignore` for /dev/null, or `pipe` to collect what is written. */
export type ChildStdio = number | "ignore";

export interface RunOptions {
  stdin?: ChildStdio;
  stdout?: ChildStdio | "pipe";
  stderr?: ChildStdio | "pipe";
  cwd?: string;
  env?: Record<string, string>;
  /** What the process takes itself to be, where `command` names it otherwise. */
  argv0?: string;
  hiddenMount?: HiddenMount;
  /** Kills it when it fires. */
  signal?: AbortSignal;
}

export interface RunResult {
  /** 128 + signal when a signal ended it. */
  exitCode: number;
  /** What was collected from pipes; empty otherwise. */
  stdout: string;
  stderr: string;
}

/** Starts `command`, an absolute path with arguments, and waits until it ends. Throws when it cannot be started. */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const start = () =>
    Bun.spawn([...command], {
      stdio: [options.stdin ?? "ignore", options.stdout ?? "ignore", options.stderr ?? "ignore"],
      env: options.env ?? {},
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.argv0 === undefined ? {} : { argv0: options.argv0 }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  const child = options.hiddenMount ? withoutMount(options.hiddenMount, start) : start();
  const [stdout, stderr] = await Promise.all([collect(child.stdout), collect(child.stderr)]);
  const exitCode = await child.exited;
  return { exitCode, stdout, stderr };
}

function collect(stream: ReadableStream<Uint8Array> | number | undefined): Promise<string> {
  return stream instanceof ReadableStream ? new Response(stream).text() : Promise.resolve("");
}

/** What survives its parent: own session, no inherited pipes, diagnostics at the end of `logFile`. */
export function spawnDaemon(
  command: readonly string[],
  options: { logFile: string; env: Record<string, string | undefined> },
): { pid: number; exited: Promise<number> } {
  const log = openSync(options.logFile, "a", 0o600);
  try {
    const child = Bun.spawn([...command], {
      stdio: ["ignore", log, log],
      cwd: "/",
      env: options.env,
      detached: true,
    });
    child.unref();
    return { pid: child.pid, exited: child.exited };
  } finally {
    closeSync(log);
  }
}
