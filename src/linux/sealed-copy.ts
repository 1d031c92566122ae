import { closeSync, readFileSync, statSync, writeSync } from "node:fs";
import { cstring, libc } from "./libc.ts";

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
/** Since Linux 6.3: the file may be executed whatever `vm.memfd_noexec` says, where that allows it at all. */
const MFD_EXEC = 0x10;
const F_ADD_SEALS = 1033;
/** No more seals, no other size, no other content. */
const allSeals = 1 | 2 | 4 | 8;

const c = libc({
  memfd_create: { args: ["ptr", "u32"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i64"], returns: "i32" },
});

interface Copy {
  fd: number;
  /** Of the file that was copied: another one may be put in its place. */
  version: string;
}
const copies = new Map<string, Copy>();

/**
 * A path at which this process's children find an executable as a copy in memory that nobody can change (memfd_create(2)
 * with all seals); `path` itself where there can be none. A runtime makes such a copy of itself at each start, and
 * starts again from that, so that a container cannot write to it through /proc; it need not when it runs from one.
 */
export function sealedCopy(path: string): string {
  const { ino, size, mtimeMs } = statSync(path);
  const version = `${ino} ${size} ${mtimeMs}`;
  const known = copies.get(path);
  if (known?.version === version) return pathOf(known.fd);
  const fd = makeCopy(path);
  if (fd === undefined) return path;
  if (known) closeSync(known.fd);
  copies.set(path, { fd, version });
  return pathOf(fd);
}

const pathOf = (fd: number) => `/proc/self/fd/${fd}`;

function makeCopy(path: string): number | undefined {
  const name = cstring(path);
  let fd = c.memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (fd < 0) fd = c.memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return undefined;
  const content = readFileSync(path);
  // A script would be opened by its interpreter after the descriptor is closed.
  const isProgram = content.subarray(0, 4).equals(Buffer.from("\x7fELF"));
  if (isProgram) for (let at = 0; at < content.length; ) at += writeSync(fd, content, at);
  if (isProgram && c.fcntl(fd, F_ADD_SEALS, allSeals) === 0) return fd;
  closeSync(fd);
  return undefined;
}
