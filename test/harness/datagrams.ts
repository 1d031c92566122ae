import { closeSync } from "node:fs";
import { check, libc } from "../../src/linux/libc.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;

const c = libc({
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
});

/** A unix socket that takes datagrams, as journald's and a syslog's do. */
export class DatagramReceiver implements Disposable {
  #fd: number;

  constructor(path: string) {
    this.#fd = check(c.socket(AF_UNIX, SOCK_DGRAM, 0), "socket");
    const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(`${path}\0`)]);
    check(c.bind(this.#fd, address, address.length), "bind", path);
  }

  /** What has come. */
  receive(): Buffer[] {
    const messages: Buffer[] = [];
    const buffer = Buffer.alloc(256 * 1024);
    for (;;) {
      const length = Number(c.recv(this.#fd, buffer, buffer.length, MSG_DONTWAIT));
      if (length < 0) return messages;
      messages.push(Buffer.from(buffer.subarray(0, length)));
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
