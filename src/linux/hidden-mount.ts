import { openSync } from "node:fs";
import { check, cstring, errno, libc } from "./libc.ts";
import { setPropagation, unmount } from "./mount.ts";
import { readMounts } from "./mountinfo.ts";

const CLONE_FS = 0x200;
const CLONE_NEWNS = 0x20000;
const EINVAL = 22;
const maxTries = 50;
/** Each unmount waits for the kernel: with more of them, a namespace of its own for each process is the better way. */
const mostUnmounts = 100;

const c = libc({
  unshare: { args: ["i32"], returns: "i32" },
  setns: { args: ["i32", "i32"], returns: "i32" },
  fchdir: { args: ["i32"], returns: "i32" },
  chroot: { args: ["ptr"], returns: "i32" },
});

/** A mount that a process must not see, and nobody else may lose. */
export interface HiddenMount {
  parent: string;
  path: string;
  /** The process needs no mount that was made lately: it may get a namespace that was made before. */
  kept?: boolean;
}

let home: { mounts: number; root: number } | undefined;
let kept: { path: string; mounts: number } | undefined;

/**
 * Runs `start`, which starts a process synchronously, in a copy of the mount namespace without the mount at
 * `hidden.path`. Mounts and unmounts elsewhere keep their propagation; only `hidden.parent` becomes private in the
 * copy.
 */
export function withoutMount<T>(hidden: HiddenMount, start: () => T): T {
  const { mounts, root } = homeNamespace();
  if (hidden.kept && kept?.path === hidden.path) enter(kept.mounts);
  else check(c.unshare(CLONE_NEWNS), "unshare", "mount namespace");
  try {
    if (!hidden.kept || kept?.path !== hidden.path) hide(hidden);
    return start();
  } finally {
    enter(mounts);
    // It leads to the root of the namespace, which is not ours when we run in a chroot(2).
    check(c.fchdir(root), "fchdir", "/");
    check(c.chroot(cstring(".")), "chroot", "/");
  }
}

/**
 * Makes a namespace without the mount at `hidden.path`, for processes that need no others than those that lead to
 * `needed`: making one for each process costs milliseconds, most of them in waiting for the kernel. It has nothing else
 * mounted, since what it has could not go elsewhere.
 */
export function keepHidden(hidden: HiddenMount, needed: readonly string[]): void {
  const { mounts, root } = homeNamespace();
  const superfluous = readMounts()
    .map(({ target }) => target)
    .filter((target) => !isSystem(target) && !needed.some((path) => leadsTo(target, path)));
  if (kept || superfluous.length > mostUnmounts) return;
  check(c.unshare(CLONE_NEWNS), "unshare", "mount namespace");
  try {
    // What is unmounted here stays mounted elsewhere; what is unmounted there goes here too, where it was shared.
    setPropagation("/", "slave", true);
    for (const target of superfluous.reverse()) unmount(target, { detach: true });
    hide(hidden);
    kept = { path: hidden.path, mounts: openSync("/proc/thread-self/ns/mnt", "r") };
  } finally {
    enter(mounts);
    check(c.fchdir(root), "fchdir", "/");
    check(c.chroot(cstring(".")), "chroot", "/");
  }
}

function homeNamespace(): { mounts: number; root: number } {
  home ??= { mounts: openSync("/proc/self/ns/mnt", "r"), root: openSync("/", "r") };
  return home;
}

function hide({ parent, path }: HiddenMount): void {
  setPropagation(parent, "private");
  unmount(path, { detach: true });
}

const isSystem = (target: string) => /^\/(proc|sys|dev)(\/|$)/.test(target);
const leadsTo = (target: string, path: string) =>
  target === "/" || path === target || path.startsWith(`${target}/`);

/**
 * A thread that was started meanwhile shares this one's root and current directory, which setns does not allow; another
 * one may come between the two calls. A thread that stayed in the wrong namespace would not see later mounts: there is
 * no going on without this.
 */
function enter(mounts: number): void {
  for (let tries = 0; ; tries++) {
    check(c.unshare(CLONE_FS), "unshare", "file system attributes");
    const result = c.setns(mounts, CLONE_NEWNS);
    if (result === 0) return;
    if (errno() !== EINVAL || tries === maxTries) check(result, "setns", "mount namespace");
  }
}
