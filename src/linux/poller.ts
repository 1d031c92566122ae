import { closeSync } from "node:fs";
import { signalReadiness } from "./fd.ts";
import { check, libc } from "./libc.ts";

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 1;
const EPOLLOUT = 4;
const eventsAtOnce = 64;
/** `struct epoll_event` is packed on x86-64 alone. */
const eventSize = process.arch === "x64" ? 12 : 16;
const dataOffset = eventSize - 8;

const c = libc({
  epoll_create1: { args: ["i32"], returns: "i32" },
  epoll_ctl: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
  epoll_wait: { args: ["i32", "ptr", "i32", "i32"], returns: "i32" },
});

/** What a poller calls when a descriptor is ready; called again as long as it stays ready. */
export type Ready = () => void;

/**
 * Tells when FIFOs and pty masters become ready, which no stream of the runtime does without blocking a thread for
 * each terminal. The kernel's SIGIO says that something is ready; a level-triggered epoll(7) says what, so nothing is
 * missed when signals are merged. At most `eventsAtOnce` callbacks run in a turn of the event loop.
 *
 * There may be one in a process, since it owns SIGIO.
 */
export class Poller implements Disposable {
  #epoll: number;
  #events = Buffer.alloc(eventSize * eventsAtOnce);
  #ready = new Map<number, Ready>();
  #scheduled = false;
  #onSignal = () => this.#schedule();

  constructor() {
    this.#epoll = check(c.epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    // Without a handler, the signal would end the process.
    process.on("SIGIO", this.#onSignal);
  }

  /**
   * Calls `ready` whenever `fd`, which must be non-blocking, can be read (or written, for `"write"`), until the
   * result is disposed; that must happen before `fd` is closed. One watch for each descriptor.
   */
  watch(fd: number, direction: "read" | "write", ready: Ready): Disposable {
    signalReadiness(fd);
    const event = Buffer.alloc(eventSize);
    event.writeUInt32LE(direction === "read" ? EPOLLIN : EPOLLOUT, 0);
    event.writeInt32LE(fd, dataOffset);
    check(c.epoll_ctl(this.#epoll, EPOLL_CTL_ADD, fd, event), "epoll_ctl", String(fd));
    this.#ready.set(fd, ready);
    this.#schedule();
    return {
      [Symbol.dispose]: () => {
        if (this.#ready.get(fd) !== ready) return;
        this.#ready.delete(fd);
        check(c.epoll_ctl(this.#epoll, EPOLL_CTL_DEL, fd, event), "epoll_ctl", String(fd));
      },
    };
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#round());
  }

  #round(): void {
    this.#scheduled = false;
    if (this.#epoll < 0) return;
    const count = c.epoll_wait(this.#epoll, this.#events, eventsAtOnce, 0);
    // Interrupted by a signal: the signal's handler may have been called before, so look again.
    if (count !== 0) this.#schedule();
    for (let i = 0; i < count; i++) {
      this.#ready.get(this.#events.readInt32LE(i * eventSize + dataOffset))?.();
    }
  }

  [Symbol.dispose](): void {
    if (this.#epoll < 0) return;
    closeSync(this.#epoll);
    this.#epoll = -1;
    // The handler stays: a signal that is under way must not end the process.
  }
}
