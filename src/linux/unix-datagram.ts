import { closeSync } from "node:fs";
import { check, errno, libc, SyscallError } from "./libc.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
const EAGAIN = 11;
/** `sun_path` of unix(7), with its NUL. */
const longestPath = 107;

const c = libc({
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  send: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
});

/** Sends datagrams to a unix socket (unix(7), SOCK_DGRAM), which the runtime's own modules cannot. */
export class UnixDatagram implements Disposable {
  #fd: number;

  /**
   * A path that begins with `@` is a name without a file (unix(7), abstract). Throws `SyscallError`: `ENOENT`,
   * `ECONNREFUSED`, `EPROTOTYPE` when it is a stream's.
   */
  constructor(path: string) {
    const abstract = path.startsWith("@");
    const bytes = Buffer.from(path);
    if (abstract) bytes[0] = 0;
    if (bytes.length > longestPath) throw new Error(`socket path is too long: ${path}`);
    this.#fd = check(c.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket", "unixgram");
    // An abstract name ends with its length, a path with a NUL.
    const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), bytes, Buffer.alloc(abstract ? 0 : 1)]);
    try {
      check(c.connect(this.#fd, address, address.length), "connect", path);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Never waits: false when the receiver has no room now. Throws `SyscallError`: `EMSGSIZE`, `ECONNREFUSED`, … */
  send(bytes: Uint8Array): boolean {
    if (c.send(this.#fd, bytes, bytes.length, MSG_NOSIGNAL) >= 0) return true;
    const error = errno();
    if (error === EAGAIN) return false;
    throw new SyscallError("send", error);
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }
}
