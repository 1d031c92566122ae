import { Duplex } from "node:stream";
import type { Connection } from "../../api/http1/connection.ts";

/**
 * The connection as a Node stream, for a handler that took it over. It ends for reading at the client's half-close,
 * and closes without having ended when the client is gone; it never emits `error` for a lost client.
 */
export function duplexOf(connection: Connection): Duplex {
  let reading = false;
  const duplex = new Duplex({
    allowHalfOpen: true,
    read() {
      if (reading) return;
      reading = true;
      void connection.read().then((bytes) => {
        reading = false;
        if (duplex.destroyed) return;
        if (bytes) duplex.push(bytes);
        else if (!connection.closed) duplex.push(null);
      });
    },
    write(bytes: Uint8Array, _encoding, done) {
      void connection.write(bytes).then(() => done());
    },
    final(done) {
      connection.closeWrite();
      done();
    },
    destroy(error, done) {
      if (duplex.writableFinished) connection.close();
      else connection.destroy();
      done(error);
    },
  });
  connection.whenClosed(() => {
    // What was read before the loss is delivered first, then the close.
    setImmediate(() => duplex.destroy());
  });
  return duplex;
}
