import { check, errno, libc, SyscallError } from "./libc.ts";

const c = libc({
  fsetxattr: { args: ["i32", "ptr", "ptr", "u64", "i32"], returns: "i32" },
  lsetxattr: { args: ["ptr", "ptr", "ptr", "u64", "i32"], returns: "i32" },
  lgetxattr: { args: ["ptr", "ptr", "ptr", "u64"], returns: "i64" },
  fgetxattr: { args: ["i32", "ptr", "ptr", "u64"], returns: "i64" },
  llistxattr: { args: ["ptr", "ptr", "u64"], returns: "i64" },
  flistxattr: { args: ["i32", "ptr", "u64"], returns: "i64" },
});

/** The kernel's limits (linux/limits.h). */
const maxValue = 65536;
const maxList = 65536;

function bytes(text: string): Buffer {
  return Buffer.from(`${text}\0`, "latin1");
}

/** A pointer to no bytes at all is NULL to bun:ffi, which the kernel takes for an empty value too. */
function pointee(value: Uint8Array): Uint8Array {
  return value.length === 0 ? new Uint8Array(1) : value;
}

/** The path of a name in a directory that is open, for the calls that have no `at` form. */
export function pathAt(dir: number, name: string): string {
  return `/proc/self/fd/${dir}/${name}`;
}

export function setXattrFd(fd: number, key: string, value: Uint8Array): void {
  check(c.fsetxattr(fd, bytes(key), pointee(value), value.length, 0), "fsetxattr", key);
}

/** Sets it on the name itself, also when that is a symbolic link. `path` is a byte string. */
export function setXattr(path: string, key: string, value: Uint8Array): void {
  check(c.lsetxattr(bytes(path), bytes(key), pointee(value), value.length, 0), "lsetxattr", key);
}

const valueBuffer = Buffer.alloc(maxValue);

/** The value, or undefined when it is not set or the file system has none. `path` is a byte string. */
export function getXattr(path: string, key: string): Uint8Array | undefined {
  const length = Number(c.lgetxattr(bytes(path), bytes(key), valueBuffer, maxValue));
  return length < 0 ? absent("lgetxattr", key) : Uint8Array.from(valueBuffer.subarray(0, length));
}

/** As `getXattr`, of an open file. */
export function getXattrFd(fd: number, key: string): Uint8Array | undefined {
  const length = Number(c.fgetxattr(fd, bytes(key), valueBuffer, maxValue));
  return length < 0 ? absent("fgetxattr", key) : Uint8Array.from(valueBuffer.subarray(0, length));
}

function absent(call: string, key: string): undefined {
  const error = new SyscallError(call, errno(), key);
  // Linux has no ENOATTR: it says ENODATA.
  if (error.code === "ENODATA" || error.code === "ENOTSUP" || error.code === "EOPNOTSUPP") return undefined;
  throw error;
}

const listBuffer = Buffer.alloc(maxList);

/** The keys of all that is set on the name itself, in byte order. `path` is a byte string. */
export function listXattrs(path: string): string[] {
  return keysOf(Number(c.llistxattr(bytes(path), listBuffer, maxList)), "llistxattr");
}

/** As `listXattrs`, of an open file. */
export function listXattrsFd(fd: number): string[] {
  return keysOf(Number(c.flistxattr(fd, listBuffer, maxList)), "flistxattr");
}

/** What stands in `listBuffer`; `length` is the call's answer. */
function keysOf(length: number, call: string): string[] {
  if (length < 0) absent(call, "the names of attributes");
  if (length <= 0) return [];
  return listBuffer
    .toString("latin1", 0, length)
    .split("\0")
    .filter((key) => key !== "")
    .sort();
}
