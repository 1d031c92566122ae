import { closeSync, fstatSync, lstatSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { posix } from "node:path";
import type { FileStat } from "../../api/buildkit/session.ts";
import { invalidArgument, notFound } from "../../base/errors.ts";
import { pathGlob } from "../../base/glob.ts";
import { RootfsView } from "../../containers/spec/rootfs-view.ts";
import { statOf } from "../../filesync/walk.ts";

/** The most that is read of a file at once: what a message of gRPC may carry. Bytes. */
const maxRead = 16 * 1024 * 1024;

/** Looks into the files of a result, mounted at `root`: the gateway's ReadFile, ReadDir and StatFile. */
export function readFile(
  root: string,
  path: string,
  range: { Offset: number; Length: number } | undefined,
): Buffer {
  using view = new RootfsView(root);
  const read = view.at(path, (hostPath) => {
    if (!statSync(hostPath).isFile()) throw invalidArgument(`read ${path}: is no regular file`);
    const fd = openSync(hostPath, "r");
    try {
      const { Offset = 0, Length = 0 } = range ?? {};
      const length = Math.max(0, Math.min(Length || Number.MAX_SAFE_INTEGER, fstatSync(fd).size - Offset));
      if (length > maxRead) throw invalidArgument(`read ${path}: more than ${maxRead} bytes`);
      const buffer = Buffer.alloc(length);
      return buffer.subarray(0, readSync(fd, buffer, 0, length, Offset));
    } finally {
      closeSync(fd);
    }
  });
  return read ?? missing("open", path);
}

/** The entries of a folder by name, those that fit `pattern` where there is one. */
export function readFolder(root: string, path: string, pattern: string): FileStat[] {
  using view = new RootfsView(root);
  const entries = view.at(path, (hostPath) => {
    if (!statSync(hostPath).isDirectory()) throw invalidArgument(`readdir ${path}: is no directory`);
    const names = readdirSync(hostPath).sort();
    const wanted = pattern === "" ? names : names.filter((name) => pathGlob(pattern).test(name));
    return wanted.map((name) => statOf(`${hostPath}/${name}`, name)).filter((one) => one !== undefined);
  });
  return entries ?? missing("open", path);
}

/** What there is to tell of a path itself, were it a link. */
export function statFile(root: string, path: string): FileStat {
  using view = new RootfsView(root);
  const whole = posix.resolve("/", path);
  const name = posix.basename(whole);
  const stat = view.at(posix.dirname(whole), (hostPath) => {
    const full = name === "" ? `${hostPath}/.` : `${hostPath}/${name}`;
    return lstatSync(full, { throwIfNoEntry: false }) && statOf(full, name || "/");
  });
  return stat ?? missing("lstat", path);
}

function missing(call: string, path: string): never {
  throw notFound(`${call} ${path}: no such file or directory`);
}
