import { closeFd, fileTypes, openAt, openFlags, openPath, statusAt } from "../linux/file-at.ts";
import { getXattr, pathAt } from "../linux/xattr.ts";
import { type ByteString, fromText, toText } from "./byte-string.ts";
import { isWhiteout, namesIn } from "./extract-root.ts";
import { holdsPlaceholders, isPlaceholder } from "./placeholders.ts";
import { opaqueXattr } from "./whiteout.ts";

/** What happened to a path since the container was made; the numbers are those of the API. */
export const changeKinds = { modified: 0, added: 1, deleted: 2 } as const;

export interface Change {
  /** Absolute, in the container. */
  path: string;
  kind: (typeof changeKinds)[keyof typeof changeKinds];
}

const directoryFlags = openFlags.readOnly | openFlags.directory | openFlags.noFollow;

/**
 * `docker diff`: what an overlay's upper directory changes of the layers below it, the topmost first, in the order of
 * the paths. Synchronous. The upper directory may be in use.
 */
export function changesOf(upper: string, lower: readonly string[]): Change[] {
  const changes: Change[] = [];
  const open = (path: string) => openPath(fromText(path), openFlags.readOnly | openFlags.directory);
  const fds: number[] = [];
  try {
    for (const path of [upper, ...lower]) fds.push(open(path));
    const [top = -1, ...below] = fds;
    walk(top, below, "", changes);
  } finally {
    for (const fd of fds) closeFd(fd);
  }
  return changes;
}

/** `below`: the same directory in those layers in which it can be seen. */
function walk(dir: number, below: readonly number[], prefix: ByteString, changes: Change[]): void {
  for (const base of namesIn(dir).sort()) {
    const status = statusAt(dir, base);
    if (!status) continue;
    const path = `${prefix}/${base}`;
    const seen = below.length > 0 ? lookBelow(below, base) : { exists: false, directories: [] };
    try {
      if (isWhiteout(status)) {
        if (seen.exists) changes.push({ path: toText(path), kind: changeKinds.deleted });
        continue;
      }
      const fromRoot = path.slice(1);
      if (isPlaceholder(fromRoot, status)) continue;
      const kind = seen.exists ? changeKinds.modified : changeKinds.added;
      const before = changes.push({ path: toText(path), kind });
      if ((status.mode & fileTypes.mask) !== fileTypes.directory) continue;
      const inner = openAt(dir, base, directoryFlags);
      try {
        walk(inner, isOpaque(dir, base) ? [] : seen.directories, path, changes);
      } finally {
        closeFd(inner);
      }
      if (changes.length === before && holdsPlaceholders(fromRoot)) changes.pop();
    } finally {
      for (const fd of seen.directories) closeFd(fd);
    }
  }
}

/** What overlay would show of a name without the upper directory. The caller closes the directories. */
function lookBelow(below: readonly number[], base: ByteString): { exists: boolean; directories: number[] } {
  const directories: number[] = [];
  for (const fd of below) {
    const status = statusAt(fd, base);
    if (!status) continue;
    if (isWhiteout(status)) break;
    if ((status.mode & fileTypes.mask) !== fileTypes.directory) {
      return { exists: true, directories };
    }
    directories.push(openAt(fd, base, directoryFlags));
    if (isOpaque(fd, base)) break;
  }
  return { exists: directories.length > 0, directories };
}

function isOpaque(dir: number, base: ByteString): boolean {
  return Buffer.from(getXattr(pathAt(dir, base), opaqueXattr) ?? []).toString() === "y";
}
