import { readdirSync, readFileSync } from "node:fs";
import { check, errno, libc, SyscallError } from "./libc.ts";

const PR_SET_CHILD_SUBREAPER = 36;
const WNOHANG = 1;
const SIGKILL = 9;
const ECHILD = 10;
/** Of the flags of a task, field 9 of proc_pid_stat(5). */
const PF_EXITING = 0x4;

const c = libc({
  prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
  waitpid: { args: ["i32", "ptr", "i32"], returns: "i32" },
  kill: { args: ["i32", "i32"], returns: "i32" },
});

/** From now on, orphans among this process's descendants become its children (prctl(2)). */
export function becomeSubreaper(): void {
  check(c.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl", "PR_SET_CHILD_SUBREAPER");
}

/** How a process ended, as wait(2) tells it. */
export interface Ending {
  /** The exit code; 128 + signal when a signal ended it. */
  exitCode: number;
  /** 0 when no signal ended it. */
  signal: number;
}

/** Reads a wait status (`WIFEXITED`, `WTERMSIG` of wait(2)). */
export function endingOf(status: number): Ending {
  const signal = status & 0x7f;
  return signal === 0 ? { exitCode: (status >> 8) & 0xff, signal: 0 } : { exitCode: 128 + signal, signal };
}

const status = new Int32Array(1);

/**
 * Reaps a child that has ended (`pid` -1: any child). `none` while none has; `noChild` when there is no such child.
 * Reaping any child takes those of `Bun.spawn` away from it: only while none of them runs.
 */
export function reap(pid: number): { pid: number; status: number } | "none" | "noChild" {
  const result = c.waitpid(pid, status, WNOHANG);
  if (result > 0) return { pid: result, status: status[0] ?? 0 };
  if (result === 0) return "none";
  const error = errno();
  if (error === ECHILD) return "noChild";
  throw new SyscallError("waitpid", error, String(pid));
}

/** kill(2); false when there is no such process. */
export function sendSignal(pid: number, signal: number): boolean {
  if (c.kill(pid, signal) === 0) return true;
  const error = new SyscallError("kill", errno(), String(pid));
  if (error.code === "ESRCH") return false;
  throw error;
}

/** The fields of /proc/<pid>/stat from the third (the state) on; undefined when there is no such process. */
function statFields(pid: number): string[] | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined; // it has ended
  }
  // The second field is the command's name in parentheses, which may hold anything.
  return stat
    .slice(stat.lastIndexOf(")") + 2)
    .trim()
    .split(" ");
}

/**
 * When a process started, in clock ticks since the machine did (field 22 of proc_pid_stat(5)): with the pid it names
 * one process for ever. Undefined when there is no such process.
 */
export function processStartTime(pid: number): string | undefined {
  return statFields(pid)?.[19];
}

/** True when a process has ended, reaped or not, or is about to: nothing can be started beside it any more. */
export function isEnding(pid: number): boolean {
  const fields = statFields(pid);
  return fields === undefined || fields[0] === "Z" || (Number(fields[6]) & PF_EXITING) !== 0;
}

/** The wait status of a process that has ended and was not reaped yet (field 52); undefined for every other one. */
export function zombieStatus(pid: number): number | undefined {
  const fields = statFields(pid);
  if (fields?.[0] !== "Z") return undefined;
  return Number(fields[49]);
}

/** Whether a process runs that has `argument` in its command line (proc_pid_cmdline(5)). */
export function runsWith(argument: string): boolean {
  return readdirSync("/proc").some((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0").includes(argument);
    } catch {
      return false; // it has ended meanwhile
    }
  });
}

/**
 * SIGKILL for a process and all its descendants, who would otherwise live on as orphans. (proc_pid_children(5))
 */
export function killTree(pid: number): void {
  if (pid <= 1) return;
  const children = childrenOf(pid);
  sendSignal(pid, SIGKILL);
  for (const child of children) killTree(child);
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, "latin1").split(" ").filter(Boolean).map(Number),
    );
  } catch {
    return []; // it has ended, or the kernel does not tell
  }
}
