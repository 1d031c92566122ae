import { check, errno, libc, SyscallError } from "./libc.ts";

/**
 * System calls on files named relative to a directory's fd. Names are byte strings (each character one byte), since
 * file names are bytes and need not be UTF-8.
 */
const c = libc({
  syscall: { args: ["i64", "i64", "ptr", "ptr", "i64"], returns: "i64" },
  openat: { args: ["i32", "ptr", "i32", "u32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  mkdirat: { args: ["i32", "ptr", "u32"], returns: "i32" },
  mknodat: { args: ["i32", "ptr", "u32", "u64"], returns: "i32" },
  symlinkat: { args: ["ptr", "i32", "ptr"], returns: "i32" },
  linkat: { args: ["i32", "ptr", "i32", "ptr", "i32"], returns: "i32" },
  unlinkat: { args: ["i32", "ptr", "i32"], returns: "i32" },
  fchownat: { args: ["i32", "ptr", "u32", "u32", "i32"], returns: "i32" },
  fchmodat: { args: ["i32", "ptr", "u32", "i32"], returns: "i32" },
  fchown: { args: ["i32", "u32", "u32"], returns: "i32" },
  fchmod: { args: ["i32", "u32"], returns: "i32" },
  utimensat: { args: ["i32", "ptr", "ptr", "i32"], returns: "i32" },
  futimens: { args: ["i32", "ptr"], returns: "i32" },
  statx: { args: ["i32", "ptr", "i32", "u32", "ptr"], returns: "i32" },
  readlinkat: { args: ["i32", "ptr", "ptr", "u64"], returns: "i64" },
  syncfs: { args: ["i32"], returns: "i32" },
});

export const openFlags = {
  readOnly: 0,
  writeOnly: 0o1,
  create: 0o100,
  exclusive: 0o200,
  truncate: 0o1000,
  nonBlock: 0o4000,
  // These two differ between architectures.
  directory: process.arch === "arm64" ? 0o40000 : 0o200000,
  noFollow: process.arch === "arm64" ? 0o100000 : 0o400000,
  path: 0o10000000,
  closeOnExec: 0o2000000,
} as const;

/** What `openat2` may pass on the way (openat2(2)). */
export const resolveFlags = {
  noMagicLinks: 0x02,
  noSymlinks: 0x04,
  beneath: 0x08,
  inRoot: 0x10,
  /** Fails with `EAGAIN` where the kernel would have to ask a file system (Linux 5.12). */
  cached: 0x20,
} as const;

export const fileTypes = {
  mask: 0o170000,
  socket: 0o140000,
  symlink: 0o120000,
  file: 0o100000,
  block: 0o060000,
  directory: 0o040000,
  character: 0o020000,
  fifo: 0o010000,
} as const;

const SYS_openat2 = 437;
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const AT_EMPTY_PATH = 0x1000;
const AT_STATX_DONT_SYNC = 0x4000;
const STATX_BASIC_STATS = 0x7ff;

/** Two names at most go into one call; the kernel takes none that is longer (PATH_MAX), and says so. */
const [first, second] = [Buffer.allocUnsafeSlow(8192), Buffer.allocUnsafeSlow(8192)];

/** The name with a NUL, valid until the next call for the same buffer: allocating costs more than most of the calls. */
function bytes(name: string, into = first): Buffer {
  if (name.length >= into.length) return Buffer.from(`${name}\0`, "latin1");
  into[into.write(name, 0, "latin1")] = 0;
  return into;
}

/** Opens a path by its name in the whole file system. The caller closes the fd (`closeFd`). */
export function openPath(path: string, flags: number, mode = 0): number {
  return openAt(AT_FDCWD, path, flags, mode);
}

export function openAt(dir: number, name: string, flags: number, mode = 0): number {
  return check(c.openat(dir, bytes(name), flags | openFlags.closeOnExec, mode), "openat", name);
}

/** `openat2(2)`, Linux 5.6 and later. */
export function openAt2(dir: number, name: string, flags: number, resolve: number, mode = 0): number {
  const how = new BigUint64Array([BigInt(flags | openFlags.closeOnExec), BigInt(mode), BigInt(resolve)]);
  return check(c.syscall(SYS_openat2, dir, bytes(name), how, how.byteLength), "openat2", name);
}

/** A close that fails has closed the fd all the same (close(2)), and what was written is checked elsewhere. */
export function closeFd(fd: number): void {
  c.close(fd);
}

export function makeDirectoryAt(dir: number, name: string, mode: number): void {
  check(c.mkdirat(dir, bytes(name), mode), "mkdirat", name);
}

/** `type`: one of `fileTypes`. */
export function makeNodeAt(dir: number, name: string, type: number, mode: number, device = 0n): void {
  check(c.mknodat(dir, bytes(name), type | mode, device), "mknodat", name);
}

export function symlinkAt(target: string, dir: number, name: string): void {
  check(c.symlinkat(bytes(target), dir, bytes(name, second)), "symlinkat", name);
}

/** A hard link; when the target is a symbolic link, to the link itself. */
export function linkAt(fromDir: number, from: string, dir: number, name: string): void {
  check(c.linkat(fromDir, bytes(from), dir, bytes(name, second), 0), "linkat", name);
}

export function unlinkAt(dir: number, name: string): void {
  check(c.unlinkat(dir, bytes(name), 0), "unlinkat", name);
}

export function removeDirectoryAt(dir: number, name: string): void {
  check(c.unlinkat(dir, bytes(name), AT_REMOVEDIR), "unlinkat", name);
}

/** Owner of the name itself; a symbolic link is not followed. */
export function chownAt(dir: number, name: string, uid: number, gid: number): void {
  check(c.fchownat(dir, bytes(name), uid, gid, AT_SYMLINK_NOFOLLOW), "fchownat", name);
}

/** Follows a symbolic link (Linux has no mode of links): only for names known not to be one. */
export function chmodAt(dir: number, name: string, mode: number): void {
  check(c.fchmodat(dir, bytes(name), mode, 0), "fchmodat", name);
}

export function chownFd(fd: number, uid: number, gid: number): void {
  check(c.fchown(fd, uid, gid), "fchown");
}

export function chmodFd(fd: number, mode: number): void {
  check(c.fchmod(fd, mode), "fchmod");
}

/** Access and modification time, both `nanos` since 1970. */
function timespecs(nanos: bigint): BigInt64Array {
  const fraction = ((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = (nanos - fraction) / 1_000_000_000n;
  return new BigInt64Array([seconds, fraction, seconds, fraction]);
}

/** Times of the name itself; a symbolic link is not followed. */
export function setTimesAt(dir: number, name: string, nanos: bigint): void {
  check(c.utimensat(dir, bytes(name), timespecs(nanos), AT_SYMLINK_NOFOLLOW), "utimensat", name);
}

export function setTimesFd(fd: number, nanos: bigint): void {
  check(c.futimens(fd, timespecs(nanos)), "futimens");
}

/** Writes out all that the file system of `path` holds in memory. */
export function syncFileSystem(path: string): void {
  const fd = openPath(path, openFlags.readOnly | openFlags.directory);
  try {
    check(c.syncfs(fd), "syncfs", path);
  } finally {
    closeFd(fd);
  }
}

export interface FileStatus {
  /** Type and permissions. */
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** What it takes on the disk: whole blocks, none for holes. */
  diskBytes: number;
  inode: bigint;
  links: number;
  /** Nanoseconds since 1970. */
  mtime: bigint;
  ctime: bigint;
  /** The device that a device node stands for. */
  rdevMajor: number;
  rdevMinor: number;
  /** The file system that the file is on. */
  device: bigint;
}

function statx(dir: number, name: string, flags: number): DataView | undefined {
  const buffer = new ArrayBuffer(256);
  const result = c.statx(dir, bytes(name), flags, STATX_BASIC_STATS, new Uint8Array(buffer));
  if (result < 0) {
    const number = errno();
    const error = new SyscallError("statx", number, name);
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  }
  return new DataView(buffer);
}

function toStatus(view: DataView): FileStatus {
  const nanos = (at: number) =>
    view.getBigInt64(at, true) * 1_000_000_000n + BigInt(view.getUint32(at + 8, true));
  return {
    links: view.getUint32(16, true),
    uid: view.getUint32(20, true),
    gid: view.getUint32(24, true),
    mode: view.getUint16(28, true),
    inode: view.getBigUint64(32, true),
    size: Number(view.getBigUint64(40, true)),
    diskBytes: Number(view.getBigUint64(48, true)) * 512,
    ctime: nanos(96),
    mtime: nanos(112),
    rdevMajor: view.getUint32(128, true),
    rdevMinor: view.getUint32(132, true),
    device: (BigInt(view.getUint32(136, true)) << 32n) | BigInt(view.getUint32(140, true)),
  };
}

/** What is at the name, itself when it is a symbolic link; undefined when nothing is. */
export function statusAt(dir: number, name: string): FileStatus | undefined {
  const view = statx(dir, name, AT_SYMLINK_NOFOLLOW);
  return view && toStatus(view);
}

export function statusOf(fd: number): FileStatus {
  const view = statx(fd, "", AT_EMPTY_PATH);
  if (!view) throw new SyscallError("statx", 2);
  return toStatus(view);
}

/**
 * What a path of the host leads to, where the kernel knows without asking anybody and a local disk has it; undefined
 * where somebody would have to be asked, who may never answer: FUSE, network file systems.
 */
export function knownAtOnce(path: string): "directory" | "other" | undefined {
  let fd: number;
  try {
    fd = openAt2(AT_FDCWD, Buffer.from(path).toString("latin1"), openFlags.path, resolveFlags.cached);
  } catch {
    // Not known, or the kernel is too old to tell.
    return undefined;
  }
  try {
    const view = statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC);
    // File systems without a block device have 0 for their major number.
    if (!view || view.getUint32(136, true) === 0) return undefined;
    return (toStatus(view).mode & fileTypes.mask) === fileTypes.directory ? "directory" : "other";
  } finally {
    closeFd(fd);
  }
}

/** The target of a symbolic link, as a byte string. */
export function readLinkAt(dir: number, name: string): string {
  const buffer = Buffer.alloc(4096);
  const length = check(c.readlinkat(dir, bytes(name), buffer, buffer.length), "readlinkat", name);
  return buffer.toString("latin1", 0, length);
}

/** The kernel's number of a device. */
export function makeDevice(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return (low & 0xffn) | ((high & 0xfffn) << 8n) | ((low & ~0xffn) << 12n) | ((high & ~0xfffn) << 32n);
}
