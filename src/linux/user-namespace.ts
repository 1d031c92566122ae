import { closeSync, openSync, writeFileSync } from "node:fs";
import { internal } from "../base/errors.ts";

/** A line of uid_map or gid_map (user_namespaces(7)): `count` ids from `inside` on are those from `outside` on. */
export interface IdExtent {
  inside: number;
  outside: number;
  count: number;
}

const lines = (extents: readonly IdExtent[]) =>
  extents.map(({ inside, outside, count }) => `${inside} ${outside} ${count}\n`).join("");

/**
 * A user namespace with these maps, as a descriptor, which its owner closes; no process stays in it. One has to be
 * started to make it (`unshare(2)` takes a process with one thread only): about 3 ms.
 */
export async function openUserNamespace(map: {
  uids: readonly IdExtent[];
  gids: readonly IdExtent[];
}): Promise<Disposable & { readonly fd: number }> {
  const child = Bun.spawn(["/usr/bin/unshare", "--user", "/bin/sh", "-c", "echo; read _"], {
    stdio: ["pipe", "pipe", "pipe"],
    env: {},
  });
  try {
    // Its line says that it is in the new namespace.
    const { done } = await child.stdout.getReader().read();
    if (done) {
      const why = (await new Response(child.stderr).text()).trim();
      throw internal(`a user namespace cannot be made: ${why}`);
    }
    writeFileSync(`/proc/${child.pid}/uid_map`, lines(map.uids));
    writeFileSync(`/proc/${child.pid}/gid_map`, lines(map.gids));
    const fd = openSync(`/proc/${child.pid}/ns/user`, "r");
    return { fd, [Symbol.dispose]: () => closeSync(fd) };
  } finally {
    child.kill("SIGKILL");
  }
}
