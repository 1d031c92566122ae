import { type FileStat, goModes } from "../api/buildkit/session.ts";
import { type FileKind, fileKinds } from "../archive/file-record.ts";

/** Whether a bit of `goModes` is set. */
export const has = (mode: number, bit: number): boolean => Math.floor(mode / bit) % 2 === 1;

export const isDirectory = ({ mode }: Pick<FileStat, "mode">): boolean => has(mode, goModes.directory);

const notFiles = [goModes.directory, goModes.symlink, goModes.fifo, goModes.device, goModes.socket];
export const isFile = ({ mode }: FileStat): boolean => notFiles.every((bit) => !has(mode, bit));

/** The bits of chmod(2). */
export const permissions = (mode: number): number =>
  (mode & 0o777) +
  (has(mode, goModes.setuid) ? 0o4000 : 0) +
  (has(mode, goModes.setgid) ? 0o2000 : 0) +
  (has(mode, goModes.sticky) ? 0o1000 : 0);

export function kindOf(stat: FileStat): FileKind {
  if (isDirectory(stat)) return fileKinds.folder;
  return has(stat.mode, goModes.symlink) ? fileKinds.symlink : fileKinds.other;
}
