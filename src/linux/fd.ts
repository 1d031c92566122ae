import { check, errno, libc, SyscallError } from "./libc.ts";

const F_DUPFD_CLOEXEC = 1030;
const F_GETFL = 3;
const F_SETFL = 4;
const F_SETOWN = 8;
const F_SETPIPE_SZ = 1031;
const O_NONBLOCK = 0o4000;
const O_ASYNC = 0o20000;
const EAGAIN = 11;
const EINTR = 4;
const SPLICE_F_NONBLOCK = 2;
const LOCK_EX = 2;
const LOCK_NB = 4;

const c = libc({
  read: { args: ["i32", "ptr", "u64"], returns: "i64" },
  write: { args: ["i32", "ptr", "u64"], returns: "i64" },
  splice: { args: ["i32", "ptr", "i32", "ptr", "u64", "u32"], returns: "i64" },
  pread: { args: ["i32", "ptr", "u64", "i64"], returns: "i64" },
  fcntl: { args: ["i32", "i32", "i64"], returns: "i32" },
  flock: { args: ["i32", "i32"], returns: "i32" },
});

function again(error: number): boolean {
  return error === EAGAIN || error === EINTR;
}

/**
 * read(2) without waiting: how many bytes were put into `buffer`, 0 at the end of the file, undefined when there is
 * nothing to read now. Throws the errno (`EIO` from a pty master whose other side is closed).
 */
export function readNow(fd: number, buffer: Uint8Array): number | undefined {
  const count = Number(c.read(fd, buffer, buffer.length));
  if (count >= 0) return count;
  const error = errno();
  if (again(error)) return undefined;
  throw new SyscallError("read", error);
}

/**
 * Moves up to `length` bytes out of a pipe to `offset` of a file (splice(2)), without waiting: how many, 0 at the end of
 * the pipe, undefined when it is empty now. A process that is killed meanwhile has moved them or has not: what is in the
 * file is not in the pipe any more. Throws the errno.
 */
export function moveFromPipe(pipe: number, file: number, offset: number, length: number): number | undefined {
  fileOffset[0] = BigInt(offset);
  const count = Number(c.splice(pipe, null, file, fileOffset, length, SPLICE_F_NONBLOCK));
  if (count >= 0) return count;
  const error = errno();
  if (again(error)) return undefined;
  throw new SyscallError("splice", error);
}
const fileOffset = new BigInt64Array(1);

/** pread(2): how many bytes from `offset` on were put into `buffer`. Throws the errno. */
export function readAt(fd: number, buffer: Uint8Array, offset: number): number {
  return check(c.pread(fd, buffer, buffer.length, offset), "pread");
}

/** write(2) without waiting: how many bytes were taken, 0 when none can be now. Throws the errno (`EPIPE`, `EIO`). */
export function writeNow(fd: number, bytes: Uint8Array): number {
  if (bytes.length === 0) return 0;
  const count = Number(c.write(fd, bytes, bytes.length));
  if (count >= 0) return count;
  const error = errno();
  if (again(error)) return 0;
  throw new SyscallError("write", error);
}

function setFlags(fd: number, change: (flags: number) => number): void {
  const flags = c.fcntl(fd, F_GETFL, 0);
  if (flags < 0 || c.fcntl(fd, F_SETFL, change(flags)) < 0) throw new SyscallError("fcntl", errno());
}

/** Makes reads and writes of the open file return at once. It holds for every duplicate of the descriptor. */
export function setNonBlocking(fd: number): void {
  setFlags(fd, (flags) => flags | O_NONBLOCK);
}

/** Has the kernel send SIGIO to this process when `fd` becomes readable or writable (fcntl(2), `O_ASYNC`). */
export function signalReadiness(fd: number): void {
  if (c.fcntl(fd, F_SETOWN, process.pid) < 0) throw new SyscallError("fcntl", errno());
  setFlags(fd, (flags) => flags | O_ASYNC);
}

/** A second descriptor of the same open file. */
export function duplicate(fd: number): number {
  return check(c.fcntl(fd, F_DUPFD_CLOEXEC, 0), "fcntl", "F_DUPFD_CLOEXEC");
}

/** Lets a pipe hold `bytes`; the kernel may refuse more than it allows, and the pipe keeps its size then. */
export function setPipeSize(fd: number, bytes: number): void {
  c.fcntl(fd, F_SETPIPE_SZ, bytes);
}

/** Takes the exclusive lock on an open file (flock(2)), held until it is closed; false when somebody else has it. */
export function tryLock(fd: number): boolean {
  if (c.flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  const error = errno();
  if (again(error)) return false;
  throw new SyscallError("flock", error);
}
