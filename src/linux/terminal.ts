import { check, libc } from "./libc.ts";

const { ioctl, tcgetattr, tcsetattr, cfmakeraw } = libc({
  ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
  tcgetattr: { args: ["i32", "ptr"], returns: "i32" },
  tcsetattr: { args: ["i32", "i32", "ptr"], returns: "i32" },
  cfmakeraw: { args: ["ptr"], returns: "void" },
});

/** Larger than struct termios of any architecture that we run on (60 bytes). */
const termiosSize = 128;
const TCSANOW = 0;
const TIOCGWINSZ = 0x5413;

/** Rows and columns of the terminal on `fd`; undefined when it is none. */
export function terminalSize(fd: number): { readonly rows: number; readonly columns: number } | undefined {
  const size = new Uint16Array(4);
  if (ioctl(fd, TIOCGWINSZ, size) !== 0) return undefined;
  return { rows: size[0] ?? 0, columns: size[1] ?? 0 };
}

/**
 * Hands every key and every byte of output through unchanged (cfmakeraw(3)): no echo, no line editing, no signals from
 * keys. Disposing restores the terminal as it was.
 */
export function makeRaw(fd: number): Disposable {
  const saved = new Uint8Array(termiosSize);
  check(tcgetattr(fd, saved), "tcgetattr");
  const raw = saved.slice();
  cfmakeraw(raw);
  check(tcsetattr(fd, TCSANOW, raw), "tcsetattr");
  // Restoring fails when the terminal has gone away: then there is nothing to restore.
  return { [Symbol.dispose]: () => void tcsetattr(fd, TCSANOW, saved) };
}

/** Offset of `c_lflag` in struct termios, and what echoes in it (termios(3)). */
const localFlags = 12;
const ECHO = 0o10;

/** Keys are not shown while they are typed. Disposing restores the terminal as it was. */
export function withoutEcho(fd: number): Disposable {
  const saved = new Uint8Array(termiosSize);
  check(tcgetattr(fd, saved), "tcgetattr");
  const silent = saved.slice();
  silent[localFlags] = (silent[localFlags] ?? 0) & ~ECHO;
  check(tcsetattr(fd, TCSANOW, silent), "tcsetattr");
  // Restoring fails when the terminal has gone away: then there is nothing to restore.
  return { [Symbol.dispose]: () => void tcsetattr(fd, TCSANOW, saved) };
}
