import { closeSync, openSync } from "node:fs";
import { check, cstring, errno, libc } from "./libc.ts";
import { setPropagation, unmount } from "./mount.ts";

const CLONE_FS = 0x200;
const CLONE_NEWNS = 0x20000;
const EINVAL = 22;
const maxTries = 50;

const c = libc({
  unshare: { args: ["i32"], returns: "i32" },
  setns: { args: ["i32", "i32"], returns: "i32" },
  fchdir: { args: ["i32"], returns: "i32" },
  chroot: { args: ["ptr"], returns: "i32" },
});

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
  /** A mount that the process must not see, and nobody else may lose. */
  hiddenMount?: { parent: string; path: string };
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
    });
  const child = options.hiddenMount ? withoutMount(options.hiddenMount, start) : start();
  const [stdout, stderr] = await Promise.all([collect(child.stdout), collect(child.stderr)]);
  const exitCode = await child.exited;
  return { exitCode, stdout, stderr };
}

function collect(stream: ReadableStream<Uint8Array> | number | undefined): Promise<string> {
  return stream instanceof ReadableStream ? new Response(stream).text() : Promise.resolve("");
}

let home: { mounts: number; root: number } | undefined;

/**
 * Runs `start`, which starts a process synchronously, in a copy of the mount namespace without the mount at
 * `hidden.path`. Mounts and unmounts elsewhere keep their propagation; only `hidden.parent` becomes private in the
 * copy.
 */
function withoutMount<T>(hidden: { parent: string; path: string }, start: () => T): T {
  home ??= { mounts: openSync("/proc/self/ns/mnt", "r"), root: openSync("/", "r") };
  check(c.unshare(CLONE_NEWNS), "unshare", "mount namespace");
  try {
    setPropagation(hidden.parent, "private");
    unmount(hidden.path, { detach: true });
    return start();
  } finally {
    comeHome(home.mounts);
    // It leads to the root of the namespace, which is not ours when we run in a chroot(2).
    check(c.fchdir(home.root), "fchdir", "/");
    check(c.chroot(cstring(".")), "chroot", "/");
  }
}

/**
 * A thread that was started meanwhile shares this one's root and current directory, which setns does not allow; another
 * one may come between the two calls. A thread that stayed in the wrong namespace would not see later mounts: there is
 * no going on without this.
 */
function comeHome(mounts: number): void {
  for (let tries = 0; ; tries++) {
    check(c.unshare(CLONE_FS), "unshare", "file system attributes");
    const result = c.setns(mounts, CLONE_NEWNS);
    if (result === 0) return;
    if (errno() !== EINVAL || tries === maxTries) check(result, "setns", "home");
  }
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
