import { nodeFs } from "./node-fs.ts";

/** Major numbers of Linux's terminals: tty, console, serial lines, Unix98 ptys (admin-guide/devices.txt). */
const terminalMajors = new Set([4, 5, 136, 137, 138, 139, 140, 141, 142, 143, 204]);
/** /dev/null and its kin. */
const memoryMajor = 1;

/**
 * isatty(3). Decided by the device's number where that is enough: loading `node:tty` takes longer than all the rest of
 * the client's start.
 */
export function isTerminal(fd: number): boolean {
  let major: number;
  try {
    const stat = nodeFs().fstatSync(fd);
    if (!stat.isCharacterDevice()) return false;
    major = (stat.rdev >>> 8) & 0xfff;
  } catch {
    // A descriptor that is not open is no terminal.
    return false;
  }
  if (process.platform === "linux" && terminalMajors.has(major)) return true;
  if (process.platform === "linux" && major === memoryMajor) return false;
  return process.getBuiltinModule("node:tty").isatty(fd);
}
