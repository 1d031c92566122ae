import { check, libc } from "./libc.ts";

const PR_GET_SECUREBITS = 27;
const PR_SET_SECUREBITS = 28;
/** The thread keeps its capabilities when its file system id is not root's any more (capabilities(7)). */
const SECBIT_NO_SETUID_FIXUP = 0x4;
/** No user: with it setfsuid(2) and setfsgid(2) change nothing, and tell who it is. */
const ask = 0xffff_ffff;

const c = libc({
  prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
  setfsuid: { args: ["u32"], returns: "i32" },
  setfsgid: { args: ["u32"], returns: "i32" },
});

/**
 * What this thread makes in file systems belongs to these ids of the host (setfsuid(2)) until this is disposed of; it may
 * do no less than before. A file system that was mounted in a user namespace takes no file from somebody who is nobody
 * there (EOVERFLOW), as the host's root is. Synchronous work only: the thread is not the same after an `await`. Throws
 * when the thread lacks CAP_SETPCAP, CAP_SETUID or CAP_SETGID.
 */
export function makeFilesAs({ uid, gid }: { uid: number; gid: number }): Disposable {
  const bits = check(c.prctl(PR_GET_SECUREBITS, 0, 0, 0, 0), "prctl", "PR_GET_SECUREBITS");
  const keep = (value: number) =>
    check(c.prctl(PR_SET_SECUREBITS, value, 0, 0, 0), "prctl", "PR_SET_SECUREBITS");
  keep(bits | SECBIT_NO_SETUID_FIXUP);
  const before = { gid: c.setfsgid(gid), uid: c.setfsuid(uid) };
  const restore = () => {
    c.setfsuid(before.uid);
    c.setfsgid(before.gid);
    keep(bits);
  };
  // They do not tell when they fail.
  if (c.setfsuid(ask) !== uid || c.setfsgid(ask) !== gid) {
    restore();
    throw new Error(`cannot make files as ${uid}:${gid}`);
  }
  return { [Symbol.dispose]: restore };
}
