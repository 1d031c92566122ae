import type { ByteString } from "./byte-string.ts";

export const entryTypes = ["file", "hardlink", "symlink", "char", "block", "directory", "fifo"] as const;
export type EntryType = (typeof entryTypes)[number];

/** One member of a tar archive: everything but its content. */
export interface TarEntry {
  /** As the archive has it: relative or absolute, with or without a slash at the end. Never empty, without NUL. */
  name: ByteString;
  type: EntryType;
  /** Bytes of content that follow; 0 for everything but files. */
  size: number;
  /** Permissions with set-uid, set-gid and sticky bit (07777). */
  mode: number;
  uid: number;
  gid: number;
  uname: ByteString;
  gname: ByteString;
  /** Nanoseconds since 1970; may be negative. */
  mtime: bigint;
  /** Target of a hard or symbolic link, else empty. */
  linkname: ByteString;
  /** Of device nodes, else 0. */
  devMajor: number;
  devMinor: number;
  /** Extended attributes; values are bytes. */
  xattrs: ReadonlyMap<ByteString, Uint8Array>;
}

/** An entry with the usual values for what is not given. */
export function tarEntry(given: Partial<TarEntry> & Pick<TarEntry, "name" | "type">): TarEntry {
  const mode = given.type === "directory" ? 0o755 : given.type === "symlink" ? 0o777 : 0o644;
  return {
    size: 0,
    mode,
    uid: 0,
    gid: 0,
    uname: "",
    gname: "",
    mtime: 0n,
    linkname: "",
    devMajor: 0,
    devMinor: 0,
    xattrs: new Map(),
    ...given,
  };
}
