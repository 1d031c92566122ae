import { closeSync } from "node:fs";
import { check, cstring, errno, libc, SyscallError } from "./libc.ts";
import { mount, mountFlags, withShortNames } from "./mount.ts";

/** An overlay: https://docs.kernel.org/filesystems/overlayfs.html */
export interface OverlayMount {
  target: string;
  /** The layers below, the topmost first; at most 500. */
  lower: readonly string[];
  /** Where changes go, with its work directory on the same file system; without them the mount is read-only. */
  upper?: { directory: string; work: string };
  /** Further options (`volatile`, `index=off`, …). */
  options?: readonly string[];
}

// The numbers of system calls from 424 on are the same for all architectures.
const SYS_move_mount = 429;
const SYS_fsopen = 430;
const SYS_fsconfig = 431;
const SYS_fsmount = 432;
const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const AT_FDCWD = -100;

const open = libc({ syscall: { args: ["i64", "ptr", "u32"], returns: "i64" } });
const config = libc({ syscall: { args: ["i64", "i32", "u32", "ptr", "ptr", "i32"], returns: "i64" } });
const create = libc({ syscall: { args: ["i64", "i32", "u32", "u32"], returns: "i64" } });
const move = libc({ syscall: { args: ["i64", "i32", "ptr", "i32", "ptr", "u32"], returns: "i64" } });
const { read } = libc({ read: { args: ["i32", "ptr", "u64"], returns: "i64" } });

/** What the file system wrote about its last failure ("e overlay: …"), or undefined. */
function fsMessage(fd: number): string | undefined {
  const buffer = Buffer.alloc(1024);
  const length = Number(read(fd, buffer, buffer.length));
  return length > 0 ? buffer.toString("utf8", 0, length).replace(/^[ewi] /, "") : undefined;
}

class FsContext implements Disposable {
  readonly fd: number;

  constructor(type: string) {
    this.fd = check(open.syscall(SYS_fsopen, cstring(type), FSOPEN_CLOEXEC), "fsopen", type);
  }

  set(key: string, value?: string): void {
    const command = value === undefined ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
    const text = value === undefined ? null : cstring(value);
    this.#check(
      config.syscall(SYS_fsconfig, this.fd, command, cstring(key), text, 0),
      `${key}=${value ?? ""}`,
    );
  }

  create(): void {
    this.#check(config.syscall(SYS_fsconfig, this.fd, FSCONFIG_CMD_CREATE, null, null, 0), "create");
  }

  #check(result: number | bigint, what: string): void {
    if (result >= 0) return;
    const number = errno();
    throw new SyscallError("fsconfig", number, fsMessage(this.fd) ?? what);
  }

  /** Puts the file system at `target`. */
  attach(target: string): void {
    const made = check(create.syscall(SYS_fsmount, this.fd, FSMOUNT_CLOEXEC, 0), "fsmount", target);
    try {
      const result = move.syscall(
        SYS_move_mount,
        made,
        cstring(""),
        AT_FDCWD,
        cstring(target),
        MOVE_MOUNT_F_EMPTY_PATH,
      );
      check(result, "move_mount", target);
    } finally {
      closeSync(made);
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

/**
 * Whether an overlay takes its layers one by one (`lowerdir+`, Linux 6.8). Before 6.5 it keeps options of any name as
 * text and refuses them only when it is mounted, so that a kernel which takes a name that means nothing is an older one.
 */
function takesLayersOneByOne(): boolean {
  const accepts = (key: string) => {
    using context = new FsContext("overlay");
    try {
      context.set(key, "/");
    } catch (error) {
      if (error instanceof SyscallError && error.code === "EINVAL") return false;
      throw error;
    }
    return true;
  };
  try {
    return accepts("lowerdir+") && !accepts("no-such-option");
  } catch (error) {
    // There is no mount API before Linux 5.2.
    if (error instanceof SyscallError && error.code === "ENOSYS") return false;
    throw error;
  }
}

/** One `lowerdir+` a layer: no limit of a page, no escaping. */
function mountWithContext(overlay: OverlayMount): void {
  using context = new FsContext("overlay");
  context.set("source", "overlay");
  for (const layer of overlay.lower) context.set("lowerdir+", layer);
  if (overlay.upper) {
    context.set("upperdir", overlay.upper.directory);
    context.set("workdir", overlay.upper.work);
  }
  for (const option of overlay.options ?? []) {
    const [key = "", value] = option.split("=", 2);
    context.set(key, value);
  }
  context.create();
  context.attach(overlay.target);
}

/**
 * The way of kernels before 6.8: mount(2), whose options have to fit on a page, so each directory is named by a
 * descriptor.
 */
export function mountOverlayWithOptions({ target, lower, upper, options = [] }: OverlayMount): void {
  const directories = upper ? [upper.directory, upper.work, ...lower] : lower;
  withShortNames(directories, (names) => {
    const layers = upper ? names.slice(2) : names;
    const changes = upper ? [`upperdir=${names[0]}`, `workdir=${names[1]}`] : [];
    const data = [`lowerdir=${layers.join(":")}`, ...changes, ...options].join(",");
    mount("overlay", target, "overlay", upper ? 0 : mountFlags.readOnly, data);
  });
}

let oneByOne: boolean | undefined;

/**
 * Mounts an overlay; costs about 0.4 ms. Takes the mount API where it takes a layer at a time, else mount(2), which has
 * room for about 220 layers. Without an upper directory the kernel asks for at least two layers. Images can have a
 * layer several times, which the kernel refuses: the topmost has it all.
 */
export function mountOverlay({ lower, ...others }: OverlayMount): void {
  const overlay: OverlayMount = { lower: [...new Set(lower)], ...others };
  oneByOne ??= takesLayersOneByOne();
  if (oneByOne) mountWithContext(overlay);
  else mountOverlayWithOptions(overlay);
}
