import { connect } from "node:net";
import { Duplex } from "node:stream";
import type { Wire } from "../../src/api/http2/frame-writer.ts";

/** A connection to `socket` that `path` has turned into one of HTTP/2. Throws when the daemon does not switch. */
export async function upgraded(
  unixSocket: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<Duplex> {
  const socket = connect(unixSocket);
  const fields = { Host: "docker", Connection: "Upgrade", Upgrade: "h2c", ...headers };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`POST ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
  let head = Buffer.alloc(0);
  while (!head.includes("\r\n\r\n")) {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    socket.once("data", resolve).once("error", reject);
    head = Buffer.concat([head, await promise]);
  }
  const end = head.indexOf("\r\n\r\n") + 4;
  const said = head.subarray(0, end).toString();
  if (!said.startsWith("HTTP/1.1 101 ")) throw new Error(`${path}: ${said}`);
  // What came with the head is HTTP/2 already; put back into the socket it would not be seen.
  const stream = new Duplex({
    read: () => void socket.resume(),
    write: (chunk, _encoding, done) => void socket.write(chunk, done),
    final: (done) => void socket.end(done),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  if (end < head.length) stream.push(head.subarray(end));
  socket.on("data", (chunk) => stream.push(chunk) || socket.pause());
  socket.on("end", () => stream.push(null)).on("close", () => stream.destroy());
  // Whoever reads it hears of its end; what went wrong with the connection is no news then.
  socket.on("error", () => stream.destroy());
  return stream;
}

/** The connection as our own HTTP/2 takes it. */
export function wireOf(socket: Duplex): Wire {
  const input = socket[Symbol.asyncIterator]();
  return {
    read: () =>
      input.next().then(
        ({ value }) => value as Buffer | undefined,
        () => undefined,
      ),
    write: (bytes) => new Promise((resolve) => socket.write(bytes, (error) => resolve(!error))),
    destroy: () => socket.destroy(),
  };
}
