import { closeSync } from "node:fs";
import { check, errno, libc, SyscallError } from "./libc.ts";

// The numbers are the same on every architecture (they came after the tables were joined).
const SYS_pidfd_send_signal = 424;
const SYS_pidfd_open = 434;
const SYS_pidfd_getfd = 438;
/** _IOWR(0xFF, 11, struct pidfd_info) with the structure's first version, 64 bytes. */
const PIDFD_GET_INFO = 0xc040ff0b;
const PIDFD_INFO_EXIT = 8n;
const POLLIN = 1;
const EINTR = 4;

const c = libc({
  syscall: { args: ["i64", "i64", "i64", "i64", "i64"], returns: "i64" },
  ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
  poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
});

/**
 * A process, held so that its number cannot come to mean another one (pidfd_open(2)). The process need not be a child.
 */
export class Pidfd implements Disposable {
  readonly pid: number;
  #fd: number;

  private constructor(pid: number, fd: number) {
    this.pid = pid;
    this.#fd = fd;
  }

  /** Undefined when there is no such process. */
  static open(pid: number): Pidfd | undefined {
    const fd = Number(c.syscall(SYS_pidfd_open, pid, 0, 0, 0));
    if (fd >= 0) return new Pidfd(pid, fd);
    const error = new SyscallError("pidfd_open", errno(), String(pid));
    if (error.code === "ESRCH" || error.code === "EINVAL") return undefined;
    throw error;
  }

  /** Sends a signal; false when the process has ended. */
  signal(signal: number): boolean {
    if (c.syscall(SYS_pidfd_send_signal, this.#fd, signal, 0, 0) >= 0) return true;
    const error = new SyscallError("pidfd_send_signal", errno(), String(this.pid));
    if (error.code === "ESRCH") return false;
    throw error;
  }

  /** True when the process has ended, reaped or not. */
  get ended(): boolean {
    const pollfd = Buffer.alloc(8);
    pollfd.writeInt32LE(this.#fd, 0);
    pollfd.writeInt16LE(POLLIN, 4);
    let ready: number;
    // A signal of this very moment interrupts it, although it does not wait (poll(2)).
    do ready = c.poll(pollfd, 1, 0);
    while (ready < 0 && errno() === EINTR);
    return check(ready, "poll") > 0;
  }

  /**
   * The wait status of a process that has been reaped, by whomever: Linux 6.15 keeps it with the pidfd
   * (`PIDFD_GET_INFO`). Undefined on older kernels, and while the process lives or is a zombie.
   */
  waitStatus(): number | undefined {
    const info = Buffer.alloc(64);
    info.writeBigUInt64LE(PIDFD_INFO_EXIT, 0);
    if (c.ioctl(this.#fd, PIDFD_GET_INFO, info) < 0) return undefined;
    if ((info.readBigUInt64LE(0) & PIDFD_INFO_EXIT) === 0n) return undefined;
    return info.readInt32LE(60);
  }

  /** A duplicate of the file that the process has open as `fd` (pidfd_getfd(2)). The caller closes it. */
  duplicate(fd: number): number {
    return check(c.syscall(SYS_pidfd_getfd, this.#fd, fd, 0, 0), "pidfd_getfd", `${this.pid}:${fd}`);
  }

  [Symbol.dispose](): void {
    if (this.#fd < 0) return;
    closeSync(this.#fd);
    this.#fd = -1;
  }
}
