import { describe, expect, test } from "bun:test";
import { bodyOf, wholeBody } from "./body.ts";
import { Connection, type RawSocket } from "./connection.ts";
import { readHead } from "./head.ts";

/** A socket that takes at most `room` bytes at a time and remembers them. */
class MemorySocket implements RawSocket {
  room: number;
  paused = false;
  sent = "";
  ended = false;
  constructor(room = Number.POSITIVE_INFINITY) {
    this.room = room;
  }
  write(bytes: Uint8Array): number {
    const taken = Math.min(this.room, bytes.length);
    this.room -= taken;
    this.sent += Buffer.from(bytes.subarray(0, taken)).toString();
    return taken;
  }
  shutdown(): void {
    this.ended = true;
  }
  end(): void {
    this.ended = true;
  }
  terminate(): void {}
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
}

/** A connection that got `text`, `step` bytes at a time, and then its end. */
function received(text: string, step: number): Connection {
  const connection = new Connection(new MemorySocket());
  for (let i = 0; i < text.length; i += step) connection.onData(Buffer.from(text.slice(i, i + step)));
  connection.onEnd();
  return connection;
}

const chunked =
  "POST /x HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nTrailer: t\r\n\r\nGET /next HTTP/1.1\r\n\r\n";

describe("HTTP/1.1 messages", () => {
  test.each([1, 2, 7, 64, 1000])("a chunked body and the next request, %d bytes at a time", async (step) => {
    const connection = received(chunked, step);
    const head = await readHead(connection);
    expect(head?.start).toBe("POST /x HTTP/1.1");
    expect(head?.headers.host).toBe("d");
    const body = bodyOf(connection, head?.headers ?? {}, false);
    expect((await wholeBody(body, 100)).toString()).toBe("hello world");
    expect((await readHead(connection))?.start).toBe("GET /next HTTP/1.1");
    expect(await readHead(connection)).toBeUndefined();
  });

  const refused: [what: string, text: string][] = [
    ["two lengths", "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"],
    ["length and coding", "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ["a coding before chunked", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"],
    ["a negative length", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"],
    ["a body cut short", "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc"],
    ["a chunk cut short", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"],
    [
      "a chunk longer than it says",
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
    ],
    ["a space before the colon", "GET / HTTP/1.1\r\nHost : d\r\n\r\n"],
    ["a folded header", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"],
    ["a head cut short", "GET / HTTP/1.1\r\nHost: d\r\n"],
    ["a head without end", `GET / HTTP/1.1\r\nA: ${"x".repeat(2_000_000)}`],
  ];
  test.each(refused)("refuses %s", async (_, text) => {
    const connection = received(text, 65536);
    const read = async () => {
      const head = await readHead(connection);
      await wholeBody(bodyOf(connection, head?.headers ?? {}, false), 1000);
    };
    expect(read()).rejects.toMatchObject({ code: "invalidArgument" });
  });

  test("a body over the limit is refused", async () => {
    const connection = received("POST / HTTP/1.1\r\nContent-Length: 50\r\n\r\n".padEnd(200, "x"), 1000);
    const head = await readHead(connection);
    expect(wholeBody(bodyOf(connection, head?.headers ?? {}, false), 49)).rejects.toThrow("too large");
  });
});

describe("a connection", () => {
  test("pauses a peer that sends more than is read, and resumes it", async () => {
    const socket = new MemorySocket();
    const connection = new Connection(socket);
    for (let i = 0; i < 5; i++) connection.onData(new Uint8Array(64 * 1024));
    expect(socket.paused).toBe(true);
    for (let i = 0; i < 4; i++) await connection.read();
    expect(socket.paused).toBe(false);
  });

  test("a write waits until the peer takes it, and the end comes after it", async () => {
    const socket = new MemorySocket(3);
    const connection = new Connection(socket);
    let done = false;
    const writing = connection.write("hello").then((taken) => {
      done = taken;
    });
    connection.closeWrite();
    await Promise.resolve();
    expect([socket.sent, done, socket.ended]).toEqual(["hel", false, false]);
    socket.room = 100;
    connection.onDrain();
    await writing;
    expect([socket.sent, done, socket.ended]).toEqual(["hello", true, true]);
  });

  test("writers of a connection that is lost are told so, and do not hang", async () => {
    const connection = new Connection(new MemorySocket(0));
    const writing = connection.write("hello");
    connection.onClose();
    expect(await writing).toBe(false);
    expect(await connection.write("more")).toBe(false);
  });

  test("what was received before the loss can still be read", async () => {
    const connection = new Connection(new MemorySocket());
    connection.onData(Buffer.from("last words"));
    connection.onClose();
    expect(Buffer.from((await connection.read()) ?? []).toString()).toBe("last words");
    expect(await connection.read()).toBeUndefined();
  });
});
