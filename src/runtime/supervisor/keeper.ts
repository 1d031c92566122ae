import { closeSync } from "node:fs";
import { openFifoReader } from "../../linux/fifo.ts";
import { Pidfd } from "../../linux/pidfd.ts";
import { endingOf } from "../../linux/process.ts";
import { terminalNumber } from "../../linux/pty.ts";
import { processDirectory } from "./paths.ts";
import { ProcessFiles } from "./process-files.ts";
import type { Console, Exit, ProcessStatus, Target } from "./protocol.ts";

interface Kept {
  target: Target;
  pid: number;
  pidfd: Pidfd | undefined;
  master: number | undefined;
  pipes: number[];
}

const keyOf = ({ id, execId }: Target) => (execId === undefined ? id : `${id}/${execId}`);

/**
 * What dockerd holds of running processes so that the death of the supervisor costs nothing: the masters of their
 * terminals, which would hang up otherwise; their pipes, which would lose what nobody has read when the process ends;
 * and pidfds, which keep the exit codes that nobody has reaped.
 */
export class Keeper implements Disposable {
  #execRoot: string;
  #kept = new Map<string, Kept>();

  constructor(execRoot: string) {
    this.#execRoot = execRoot;
  }

  /** Begins to hold a process that the supervisor `supervisorPid` has. */
  keep(supervisorPid: number, status: ProcessStatus): void {
    const key = keyOf(status);
    const old = this.#kept.get(key);
    if (old?.pid === status.pid) return;
    if (old) this.#release(old);
    const { id, execId, pid } = status;
    const target = execId === undefined ? { id } : { id, execId };
    const master = status.console && duplicateMaster(supervisorPid, status.console);
    const pipes = status.tty ? [] : this.#openPipes(target);
    this.#kept.set(key, { target, pid, pidfd: Pidfd.open(pid), master, pipes });
  }

  #openPipes(target: Target): number[] {
    const { stdout, stderr } = new ProcessFiles(processDirectory(this.#execRoot, target));
    return [stdout, stderr].flatMap((path) => {
      try {
        return [openFifoReader(path)];
      } catch {
        return []; // it has ended meanwhile, and was cleared away
      }
    });
  }

  /** The terminals that a new supervisor needs. */
  terminals(): { target: Target; fd: number }[] {
    return [...this.#kept.values()].flatMap(({ target, master }) =>
      master === undefined ? [] : [{ target, fd: master }],
    );
  }

  /** The exit with what the pidfd knows, where the supervisor did not see it; and the process is let go. */
  ended(exit: Exit): Exit {
    const kept = this.#kept.get(keyOf(exit));
    if (!kept || kept.pid !== exit.pid) return exit;
    this.#kept.delete(keyOf(exit));
    const status = exit.unseen ? kept.pidfd?.waitStatus() : undefined;
    this.#release(kept);
    if (status === undefined) return exit;
    const { unseen: _unseen, ...rest } = exit;
    return { ...rest, ...endingOf(status) };
  }

  #release({ pidfd, master, pipes }: Kept): void {
    pidfd?.[Symbol.dispose]();
    for (const pipe of pipes) closeSync(pipe);
    if (master !== undefined) closeSync(master);
  }

  [Symbol.dispose](): void {
    for (const kept of this.#kept.values()) this.#release(kept);
    this.#kept.clear();
  }
}

/** A duplicate of a terminal's master; undefined when the process has ended, and `fd` may be another file by now. */
function duplicateMaster(supervisorPid: number, { fd, pty }: Console): number | undefined {
  using supervisor = Pidfd.open(supervisorPid);
  let master: number | undefined;
  try {
    master = supervisor?.duplicate(fd);
    if (master !== undefined && terminalNumber(master) === pty) return master;
  } catch {
    // EBADF, ENOTTY: it has ended meanwhile
  }
  if (master !== undefined) closeSync(master);
  return undefined;
}
