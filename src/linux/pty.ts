import { check, libc } from "./libc.ts";

const TIOCSWINSZ = 0x5414;

const c = libc({ ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" } });

/** Sets the size of a terminal in characters; its foreground process group is told by SIGWINCH (ioctl_tty(2)). */
export function setWindowSize(fd: number, size: { height: number; width: number }): void {
  const winsize = new Uint16Array([size.height, size.width, 0, 0]);
  check(c.ioctl(fd, TIOCSWINSZ, winsize), "ioctl", "TIOCSWINSZ");
}
