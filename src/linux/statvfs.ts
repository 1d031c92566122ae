import { check, cstring, libc } from "./libc.ts";

const c = libc({ statvfs: { args: ["ptr", "ptr"], returns: "i32" } });

/** Bits of `f_flag` that restrict a mount, with the words of mount(8). */
const restrictions = [
  [0x1, "ro"],
  [0x2, "nosuid"],
  [0x4, "nodev"],
  [0x8, "noexec"],
] as const;

/** Of `struct statvfs` on 64-bit Linux with glibc; `f_flag` is after nine words. */
const structSize = 112;
const flagOffset = 72;

/** How the mount that `path` is on restricts what can be done there (statvfs(3)). Throws `SyscallError`. */
export function mountRestrictions(path: string): string[] {
  const buffer = new Uint8Array(structSize);
  check(c.statvfs(cstring(path), buffer), "statvfs", path);
  const flags = new DataView(buffer.buffer).getUint32(flagOffset, true);
  return restrictions.filter(([bit]) => (flags & bit) !== 0).map(([, word]) => word);
}
