import { closeSync } from "node:fs";
import { sleep } from "../base/async.ts";
import { check, libc, SyscallError } from "./libc.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;

const c = libc({
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
});

/**
 * A lock among the processes of one network namespace: an abstract UNIX address (unix(7)), which one socket can have
 * at a time and which is free again when its owner dies. Waits up to `millis`, then throws `EADDRINUSE`.
 */
export async function lockInNetns(name: string, millis = 10_000): Promise<Disposable> {
  const fd = check(c.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket", "unix");
  const address = Buffer.from(`\x01\x00\x00${name}`, "latin1");
  const deadline = performance.now() + millis;
  for (;;) {
    try {
      check(c.bind(fd, address, address.length), "bind", `@${name}`);
      return { [Symbol.dispose]: () => closeSync(fd) };
    } catch (error) {
      const taken = error instanceof SyscallError && error.code === "EADDRINUSE";
      if (!taken || performance.now() > deadline) {
        closeSync(fd);
        throw error;
      }
    }
    await sleep(5);
  }
}
