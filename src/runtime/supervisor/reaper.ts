import { Pidfd } from "../../linux/pidfd.ts";
import { reap, zombieStatus } from "../../linux/process.ts";

/** How often the ends of processes that are not children are looked for: no signal tells of them. */
const adoptedInterval = 50;

/** Told how a process ended: its wait status, or undefined when nobody can know. */
export type OnEnd = (status: number | undefined) => void;

/**
 * Learns how processes end: children by SIGCHLD and waitpid(2), those that another supervisor has started by pidfds.
 * Orphans of containers that share the host's pid namespace become children too, and are reaped silently.
 */
export class Reaper implements Disposable {
  #children = new Map<number, OnEnd>();
  #adopted = new Map<Pidfd, OnEnd>();
  #held = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #onSignal = () => this.#scan();

  constructor() {
    process.on("SIGCHLD", this.#onSignal);
  }

  /**
   * While a command is under way that starts processes: its own end is the spawning code's to see, and a process that
   * it has left must not be reaped before it is watched. Release when that is done.
   */
  hold(): Disposable {
    this.#held++;
    let released = false;
    return {
      [Symbol.dispose]: () => {
        if (released) return;
        released = true;
        this.#held--;
        this.#scan();
      },
    };
  }

  /** Watches a process, child or not; `onEnd` is called once. */
  watch(pid: number, onEnd: OnEnd): void {
    this.#children.set(pid, onEnd);
    this.#reapChild(pid);
  }

  #scan(): void {
    if (this.#held > 0) {
      for (const pid of [...this.#children.keys()]) this.#reapChild(pid);
      this.#pollAdopted();
      return;
    }
    for (;;) {
      const ended = reap(-1);
      if (ended === "none" || ended === "noChild") return;
      this.#ended(ended.pid, ended.status);
    }
  }

  #reapChild(pid: number): void {
    const ended = reap(pid);
    if (ended === "none") return;
    if (ended === "noChild") this.#adopt(pid);
    else this.#ended(pid, ended.status);
  }

  #ended(pid: number, status: number | undefined): void {
    const onEnd = this.#children.get(pid) ?? this.#abandon(pid);
    this.#children.delete(pid);
    onEnd?.(status);
  }

  /** No longer watches an adopted process by its pidfd. */
  #abandon(pid: number): OnEnd | undefined {
    for (const [pidfd, onEnd] of this.#adopted) {
      if (pidfd.pid !== pid) continue;
      this.#adopted.delete(pidfd);
      pidfd[Symbol.dispose]();
      return onEnd;
    }
    return undefined;
  }

  #adopt(pid: number): void {
    const pidfd = Pidfd.open(pid);
    const onEnd = this.#children.get(pid);
    if (!pidfd || !onEnd) {
      pidfd?.[Symbol.dispose]();
      this.#ended(pid, undefined);
      return;
    }
    this.#children.delete(pid);
    this.#adopted.set(pidfd, onEnd);
    this.#timer ??= setInterval(() => this.#pollAdopted(), adoptedInterval);
  }

  #pollAdopted(): void {
    for (const [pidfd, onEnd] of [...this.#adopted]) {
      if (this.#becameChild(pidfd, onEnd) || !pidfd.ended) continue;
      // Not reaped yet by its new parent, or reaped: the kernel tells the status in different places.
      const status = zombieStatus(pidfd.pid) ?? pidfd.waitStatus();
      this.#adopted.delete(pidfd);
      pidfd[Symbol.dispose]();
      onEnd(status);
    }
    if (this.#adopted.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /**
   * A process that has just been started is handed over by its runtime's own last process, which may end a moment
   * after the runtime: until then it is nobody's child that we know, afterwards it is ours.
   */
  #becameChild(pidfd: Pidfd, onEnd: OnEnd): boolean {
    const ended = reap(pidfd.pid);
    if (ended === "noChild") return false;
    this.#abandon(pidfd.pid);
    if (ended === "none") this.#children.set(pidfd.pid, onEnd);
    else onEnd(ended.status);
    return true;
  }

  [Symbol.dispose](): void {
    process.off("SIGCHLD", this.#onSignal);
    clearInterval(this.#timer);
    for (const pidfd of this.#adopted.keys()) pidfd[Symbol.dispose]();
  }
}
