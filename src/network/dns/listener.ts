import { createSocket } from "node:dgram";
import { createServer, type Socket } from "node:net";
import { bindSocket } from "../../linux/inet-socket.ts";
import { inNetns } from "../../linux/namespace.ts";
import { fitted, malformedReply, parseQuery, type Query } from "./message.ts";
import { resolverAddress, resolverPort } from "./redirect.ts";

/** Connections of one container that may be open at a time. */
const connections = 64;
const idleMillis = 10_000;

/**
 * Answers the queries of one container, at `127.0.0.11` of its network namespace. Both sockets hold the namespace:
 * disposing of the listener lets it die.
 */
export function listenIn(netns: string, answer: (query: Query) => Promise<Buffer>): Disposable {
  const address = { ip: resolverAddress, port: resolverPort };
  const [udp, tcp] = inNetns(netns, () => [bindSocket("udp", address), bindSocket("tcp", address)] as const);
  const datagrams = createSocket("udp4");
  datagrams.on("error", () => {}); // of a client that is gone
  datagrams.on("message", (message, from) => {
    const send = (reply: Buffer) => datagrams.send(reply, from.port, from.address);
    const query = parseQuery(message);
    if (query === "malformed") send(malformedReply(message));
    else if (query) void answer(query).then((reply) => send(fitted(query, reply, query.udpSize)));
  });
  datagrams.bind({ fd: udp });
  const open = new Set<Socket>();
  const streams = createServer((socket) => serveStream(socket, open, answer));
  streams.maxConnections = connections;
  streams.listen({ fd: tcp });
  return {
    [Symbol.dispose]() {
      datagrams.close();
      streams.close();
      for (const socket of open) socket.destroy();
    },
  };
}

/** Messages over TCP have their length before them. */
function serveStream(socket: Socket, open: Set<Socket>, answer: (query: Query) => Promise<Buffer>): void {
  open.add(socket);
  let seen: Buffer = Buffer.alloc(0);
  socket.setTimeout(idleMillis, () => socket.destroy());
  socket.on("error", () => socket.destroy()).on("close", () => open.delete(socket));
  socket.on("data", (piece: Buffer) => {
    seen = Buffer.concat([seen, piece]);
    while (seen.length >= 2 && seen.length >= 2 + seen.readUInt16BE(0)) {
      const message = Buffer.from(seen.subarray(2, 2 + seen.readUInt16BE(0)));
      seen = seen.subarray(2 + message.length);
      const query = parseQuery(message);
      if (!query || query === "malformed") return void socket.destroy();
      void answer(query).then((reply) => {
        const length = Buffer.alloc(2);
        length.writeUInt16BE(reply.length, 0);
        if (!socket.destroyed) socket.write(Buffer.concat([length, reply]));
      });
    }
  });
}
