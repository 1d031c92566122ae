import { unavailable } from "../base/errors.ts";
import { closeFd } from "./file-at.ts";
import { check, cstring, libc, SyscallError } from "./libc.ts";
import type { OpenNamespace } from "./user-namespace.ts";

const SYS_open_tree = 428;
const SYS_move_mount = 429;
const SYS_mount_setattr = 442;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOUNT_ATTR_IDMAP = 0x00100000n;
const MS_PRIVATE = 1n << 18n;

const openTree = libc({ syscall: { args: ["i64", "i32", "ptr", "u32"], returns: "i64" } });
const move = libc({ syscall: { args: ["i64", "i32", "ptr", "i32", "ptr", "u32"], returns: "i64" } });
const setAttributes = libc({ syscall: { args: ["i64", "i32", "ptr", "u32", "ptr", "u64"], returns: "i64" } });

/** A copy of a mount that is nowhere in the tree yet (open_tree(2), Linux 5.2). It dies with its owner, or is attached. */
export class DetachedMount implements Disposable {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Files show other owners through this mount (mount_setattr(2), Linux 5.12): `inside` is the id on the disk, `outside`
   * the one that processes see. `subject` says of what, in errors. Throws `unavailable` when the kernel or the file
   * system cannot.
   */
  mapOwners(namespace: Pick<OpenNamespace, "fd">, subject: string): void {
    try {
      this.#set({ set: MOUNT_ATTR_IDMAP, namespace: namespace.fd });
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      const why =
        error.code === "EINVAL" || error.code === "EPERM"
          ? "its file system, or one that is mounted below it, does not support ID-mapped mounts"
          : error.code === "ENOSYS"
            ? "ID-mapped mounts need Linux 5.12"
            : error.message;
      throw unavailable(`cannot map the owners of ${subject}: ${why}`, error);
    }
  }

  #set({
    set = 0n,
    propagation = 0n,
    namespace = 0,
  }: {
    set?: bigint;
    propagation?: bigint;
    namespace?: number;
  }) {
    const attributes = new BigUint64Array([set, 0n, propagation, BigInt(namespace)]);
    const result = setAttributes.syscall(
      SYS_mount_setattr,
      this.#fd,
      cstring(""),
      AT_EMPTY_PATH | AT_RECURSIVE,
      attributes,
      attributes.byteLength,
    );
    check(result, "mount_setattr");
  }

  /** Puts it at `target`, where it stays, private, until it is unmounted. */
  attach(target: string): void {
    this.#set({ propagation: MS_PRIVATE });
    const result = move.syscall(
      SYS_move_mount,
      this.#fd,
      cstring(""),
      AT_FDCWD,
      cstring(target),
      MOVE_MOUNT_F_EMPTY_PATH,
    );
    check(result, "move_mount", target);
  }

  [Symbol.dispose](): void {
    closeFd(this.#fd);
  }
}

/**
 * Copies the mount that an open file or directory (with `O_PATH` too) is on, from there on, with all below it, or without
 * what is mounted below.
 */
export function cloneMount(fd: number, recursive = true): DetachedMount {
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  return new DetachedMount(check(openTree.syscall(SYS_open_tree, fd, cstring(""), flags), "open_tree"));
}
