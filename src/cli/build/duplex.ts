import { Duplex } from "node:stream";
import type { Hijacked } from "../../client/client.ts";

/** A connection that was taken over, as a Node stream. */
export function duplexOf(connection: Hijacked): Duplex {
  const input = connection[Symbol.asyncIterator]();
  return new Duplex({
    read() {
      input.next().then(
        ({ done, value }) => this.push(done ? null : value),
        () => this.destroy(),
      );
    },
    write(bytes: Uint8Array, _encoding, done) {
      connection.write(bytes).then(
        () => done(),
        () => this.destroy(),
      );
    },
    final(done) {
      connection.closeWrite();
      done();
    },
    destroy(error, done) {
      connection.close();
      done(error);
    },
  });
}
