import { dlopen, type FFIFunction, type Pointer, read } from "bun:ffi";
import { constants } from "node:os";
import { messageOf } from "../base/errors.ts";

const errnoNames = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

const core = dlopen("libc.so.6", {
  __errno_location: { args: [], returns: "ptr" },
  strerror: { args: ["i32"], returns: "cstring" },
});

/** errno of the last C call of this thread; read it before anything else is called. */
export function errno(): number {
  return read.i32(core.symbols.__errno_location() as Pointer, 0);
}

/** A system call that failed: `code` is the errno's name, as in Node's own errors. */
export class SyscallError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  constructor(syscall: string, number: number, subject?: string) {
    const what = subject === undefined ? syscall : `${syscall} ${subject}`;
    super(`${what}: ${String(core.symbols.strerror(number)).toLowerCase()}`);
    this.name = "SyscallError";
    this.code = errnoNames.get(number) ?? `E${number}`;
    this.errno = number;
    this.syscall = syscall;
  }
}

/** What the errno of a failed system call means, in Go's words (`file exists`), whoever made the call. */
export function reasonOf(error: unknown): string {
  const number = typeof error === "object" && error !== null && "errno" in error ? Number(error.errno) : 0;
  return number === 0 ? messageOf(error) : String(core.symbols.strerror(Math.abs(number))).toLowerCase();
}

/** Returns `result`, or throws the errno when it is negative. `subject` says on what (a path, a name). */
export function check(result: number | bigint, syscall: string, subject?: string): number {
  if (result < 0) throw new SyscallError(syscall, errno(), subject);
  return Number(result);
}

/** A NUL-terminated string for a `ptr` argument. */
export function cstring(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

/** Functions of the C library, by their C signatures. Each file of this folder declares those that it uses. */
export function libc<const Signatures extends Record<string, FFIFunction>>(signatures: Signatures) {
  return dlopen("libc.so.6", signatures).symbols;
}
