import { check, libc } from "./libc.ts";

const TIOCSWINSZ = 0x5414;
const TIOCGPTN = 0x80045430;

const c = libc({ ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" } });

/** Sets the size of a terminal in characters; its foreground process group is told by SIGWINCH (ioctl_tty(2)). */
export function setWindowSize(fd: number, size: { height: number; width: number }): void {
  const winsize = new Uint16Array([size.height, size.width, 0, 0]);
  check(c.ioctl(fd, TIOCSWINSZ, winsize), "ioctl", "TIOCSWINSZ");
}

/** The number of the terminal whose master `fd` is (`/dev/pts/<number>`). Throws `ENOTTY` for any other file. */
export function terminalNumber(fd: number): number {
  const number = new Uint32Array(1);
  check(c.ioctl(fd, TIOCGPTN, number), "ioctl", "TIOCGPTN");
  return number[0] ?? 0;
}
