import { invalidArgument } from "../base/errors.ts";

/** What a tmpfs has where its options do not say otherwise. */
export const defaultTmpfsOptions: readonly string[] = ["noexec", "nosuid", "nodev", "rprivate"];

/** Flags of mount(8), those that exclude each other in one group. */
const groups = [
  ["ro", "rw"],
  ["suid", "nosuid"],
  ["dev", "nodev"],
  ["exec", "noexec"],
  ["sync", "async"],
  ["dirsync"],
  ["remount"],
  ["mand", "nomand"],
  ["atime", "noatime"],
  ["diratime", "nodiratime"],
  ["relatime", "norelatime", "strictatime", "nostrictatime"],
  ["defaults"],
  ["rprivate", "private", "rshared", "shared", "rslave", "slave", "runbindable", "unbindable"],
  ["bind", "rbind"],
];
const groupOf = new Map(groups.flatMap((group, i) => group.map((flag) => [flag, `flag ${i}`] as const)));

/** Settings of tmpfs(5) that take a value. */
const settings = new Set(["mode", "uid", "gid", "size", "nr_blocks", "nr_inodes", "mpol", "huge"]);

/** What an option excludes; undefined for one that a tmpfs does not have. */
function subject(option: string): string | undefined {
  const flag = groupOf.get(option);
  if (flag) return flag;
  const [name = "", value = ""] = option.split("=", 2);
  return settings.has(name) && value !== "" ? name : undefined;
}

/**
 * Of options that exclude each other, the last. Throws `invalidArgument` for one that a tmpfs does not have.
 */
export function mergeTmpfsOptions(options: readonly string[]): string[] {
  const kept = new Map<string, string>();
  for (const option of options) {
    const about = subject(option);
    if (about === undefined) throw invalidArgument(`invalid tmpfs option ${JSON.stringify(option)}`);
    kept.delete(about);
    kept.set(about, option);
  }
  return [...kept.values()].filter((option) => option !== "defaults");
}
