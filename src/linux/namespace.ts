import { closeSync, constants, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { check, libc } from "./libc.ts";
import { mount, mountFlags, unmount } from "./mount.ts";
import { inUserNamespace, type NamespaceOwner } from "./user-namespace.ts";

const CLONE_NEWNET = 0x40000000;
const currentNetns = "/proc/thread-self/ns/net";

const c = libc({
  unshare: { args: ["i32"], returns: "i32" },
  setns: { args: ["i32", "i32"], returns: "i32" },
});

/** An open file, closed with its owner. */
class OpenFile implements Disposable {
  readonly fd: number;

  constructor(path: string) {
    this.fd = openSync(path, constants.O_RDONLY);
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

/** Runs `work` and takes the calling thread back into the namespace that it came from. */
function andBack<T>(enter: () => void, work: () => T): T {
  using home = new OpenFile(currentNetns);
  enter();
  try {
    return work();
  } finally {
    // A thread that stayed in the wrong namespace would do damage: there is no going on without this.
    check(c.setns(home.fd, CLONE_NEWNET), "setns", "home");
  }
}

/**
 * Makes a network namespace and pins it at `path`, so that it lives without processes; 1 to 2 ms. `work` runs inside
 * it, synchronously, with a descriptor of the namespace that the thread came from. When anything fails, nothing stays.
 */
export function createNetns<T>(path: string, work: (hostFd: number) => T): T {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  writeFileSync(path, "", { flag: "wx", mode: 0o444 });
  try {
    using host = new OpenFile(currentNetns);
    return andBack(
      () => void check(c.unshare(CLONE_NEWNET), "unshare", "network namespace"),
      () => {
        mount(currentNetns, path, null, mountFlags.bind);
        return work(host.fd);
      },
    );
  } catch (error) {
    removeNetns(path);
    throw error;
  }
}

/**
 * As `createNetns`, but the namespace belongs to `owner`, whose root is then the root of the network; about 6 ms. A new user namespace lives as long as this one does (`ownerOfNamespace` gives it).
 */
export function createOwnedNetns<T>(path: string, owner: NamespaceOwner, work: () => T): T {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  writeFileSync(path, "", { flag: "wx", mode: 0o444 });
  try {
    inUserNamespace(owner, true, (pid) => mount(`/proc/${pid}/ns/net`, path, null, mountFlags.bind));
    return inNetns(path, work);
  } catch (error) {
    removeNetns(path);
    throw error;
  }
}

/** Runs `work` inside the namespace pinned at `path` (or of a process: `/proc/<pid>/ns/net`); synchronous work only. */
export function inNetns<T>(path: string, work: () => T): T {
  using target = new OpenFile(path);
  return andBack(() => void check(c.setns(target.fd, CLONE_NEWNET), "setns", path), work);
}

/**
 * Takes the pin away. The namespace dies, with its interfaces, when the last process in it has gone; the kernel does
 * that a few milliseconds later. False when there was nothing at `path`.
 */
export function removeNetns(path: string): boolean {
  const mounted = unmount(path, { detach: true });
  rmSync(path, { force: true });
  return mounted;
}
