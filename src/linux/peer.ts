import { check, libc } from "./libc.ts";

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

const c = libc({
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
});

/** The process that listened on the other end of a connected UNIX socket; 0 for one that cannot be seen from here (unix(7)). */
export function peerPid(fd: number): number {
  const ucred = new Int32Array(3);
  const length = Uint32Array.of(ucred.byteLength);
  check(c.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ucred, length), "getsockopt", "SO_PEERCRED");
  return ucred[0] ?? 0;
}
