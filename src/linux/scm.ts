import { type Pointer, ptr } from "bun:ffi";
import { closeSync } from "node:fs";
import { check, errno, libc, SyscallError } from "./libc.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_CMSG_CLOEXEC = 0x40000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const EAGAIN = 11;
/** `sun_path` of unix(7), with its NUL. */
const longestPath = 107;

const c = libc({
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  listen: { args: ["i32", "i32"], returns: "i32" },
  accept4: { args: ["i32", "ptr", "ptr", "i32"], returns: "i32" },
  recvmsg: { args: ["i32", "ptr", "i32"], returns: "i64" },
});

/** A unix socket on which another process hands over one file descriptor: an OCI runtime's `--console-socket`. */
export class DescriptorListener implements Disposable {
  #fd: number;
  #connection = -1;

  /** Listens at `path`, at most 107 bytes long, which must be free. */
  constructor(path: string) {
    const bytes = Buffer.from(path);
    if (bytes.length > longestPath) throw new Error(`socket path is too long: ${path}`);
    this.#fd = check(c.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket", "unix");
    const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), bytes, Buffer.from([0])]);
    try {
      check(c.bind(this.#fd, address, address.length), "bind", path);
      check(c.listen(this.#fd, 1), "listen", path);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Readable when somebody has connected. */
  get fd(): number {
    return this.#fd;
  }

  /** The descriptor that was sent; undefined when nobody has sent one. The caller closes it. */
  receive(): number | undefined {
    if (this.#connection < 0) this.#connection = c.accept4(this.#fd, null, null, SOCK_CLOEXEC);
    if (this.#connection < 0) {
      if (errno() === EAGAIN) return undefined;
      throw new SyscallError("accept4", errno());
    }
    return receiveDescriptor(this.#connection);
  }

  [Symbol.dispose](): void {
    for (const fd of [this.#fd, this.#connection]) if (fd >= 0) closeSync(fd);
    this.#fd = this.#connection = -1;
  }
}

// With buffers of their own, which do not move; used by the function below, so that they are not collected: the
// kernel writes to their addresses.
const data = new Uint8Array(new ArrayBuffer(4096));
const control = Buffer.from(new ArrayBuffer(64));
const iov = new BigUint64Array(new ArrayBuffer(16));
const message = new BigUint64Array(new ArrayBuffer(56));

/** Reads one message with a descriptor in its ancillary data (`SCM_RIGHTS` of unix(7)), without waiting. */
function receiveDescriptor(socket: number): number | undefined {
  control.fill(0);
  message.fill(0n);
  iov[0] = BigInt(ptr(data) as Pointer);
  iov[1] = BigInt(data.length);
  // struct msghdr: name, namelen, iov, iovlen, control, controllen, flags.
  message[2] = BigInt(ptr(iov) as Pointer);
  message[3] = 1n;
  message[4] = BigInt(ptr(control) as Pointer);
  message[5] = BigInt(control.length);
  if (c.recvmsg(socket, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0) {
    if (errno() === EAGAIN) return undefined;
    throw new SyscallError("recvmsg", errno());
  }
  const hasRights =
    Number(message[5]) >= 20 &&
    control.readInt32LE(8) === SOL_SOCKET &&
    control.readInt32LE(12) === SCM_RIGHTS;
  return hasRights ? control.readInt32LE(16) : undefined;
}
