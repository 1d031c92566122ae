/** Our side of HTTP/2 beside that of the runtime: as its client, and as its server. */
import { afterEach, expect, test } from "bun:test";
import {
  type ClientHttp2Session,
  connect,
  createServer as createHttp2,
  type Http2Server,
  type ServerHttp2Stream,
} from "node:http2";
import { type AddressInfo, createServer, connect as dial, type Socket } from "node:net";
import type { Wire } from "./frame-writer.ts";
import { frameHeader, frameTypes, preface } from "./frames.ts";
import { errorCodes } from "./protocol-error.ts";
import { Http2Session, type OnRequest } from "./session.ts";
import type { Http2Stream } from "./stream.ts";

const close: (() => void)[] = [];
afterEach(() => {
  for (const one of close.splice(0)) one();
});

function wireOf(socket: Socket): Wire {
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

const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port;

async function serving(onRequest: OnRequest): Promise<number> {
  const server = createServer((socket) => void new Http2Session(wireOf(socket), onRequest));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  close.push(() => server.close());
  return portOf(server);
}

async function client(port: number): Promise<Http2Session> {
  const socket = dial(port, "127.0.0.1");
  await new Promise((resolve) => socket.once("connect", resolve));
  const session = new Http2Session(wireOf(socket));
  close.push(() => session.close());
  return session;
}

async function echo(stream: Http2Stream): Promise<void> {
  stream.sendFields({ ":status": ["200"] });
  for (let bytes = await stream.read(); bytes !== undefined; bytes = await stream.read())
    await stream.send(bytes);
  stream.end({ "x-status": ["done"] });
}

const ask = { ":method": ["POST"], ":scheme": ["http"], ":path": ["/"], ":authority": ["localhost"] };

async function whole(stream: Http2Stream): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let bytes = await stream.read(); bytes !== undefined; bytes = await stream.read()) parts.push(bytes);
  return Buffer.concat(parts);
}

const large = Buffer.alloc(20 * 1024 * 1024, "0123456789abcdef-");

test("the runtime's client is answered: 20 MB both ways, all letters in a header, trailers", async () => {
  const letters = Buffer.from(Array.from({ length: 0x7f - 0x21 }, (_, at) => at + 0x21)).toString();
  let heard: readonly string[] | undefined;
  const port = await serving((stream, fields) => {
    heard = fields["x-letters"];
    void echo(stream);
  });
  const session: ClientHttp2Session = connect(`http://127.0.0.1:${port}`);
  close.push(() => session.destroy());
  const request = session.request({ ":method": "POST", "x-letters": letters });
  let trailers: Record<string, unknown> = {};
  request.on("trailers", (fields) => {
    trailers = fields;
  });
  request.end(large);
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  expect(Buffer.concat(parts).equals(large)).toBe(true);
  expect(heard).toEqual([letters]);
  expect(trailers["x-status"]).toBe("done");
});

test("the runtime's server answers: 20 MB both ways, many calls at the same time", async () => {
  const server: Http2Server = createHttp2();
  server.on("stream", (given) => {
    const stream = given as ServerHttp2Stream;
    stream.respond({ ":status": 200 }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-status": "done" }));
    stream.pipe(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  close.push(() => server.close());
  const session = await client(portOf(server));
  const calls = Array.from({ length: 20 }, async (_, at) => {
    const stream = session.request(ask);
    const sent = at === 0 ? large : Buffer.from(`call ${at}`);
    void stream.send(sent).then(() => stream.end());
    expect((await whole(stream)).equals(sent)).toBe(true);
    expect(stream.trailers?.["x-status"]).toEqual(["done"]);
  });
  await Promise.all(calls);
});

test("fields longer than a frame travel", async () => {
  const names = Array.from({ length: 5000 }, (_, at) => `pattern-${at}, with a comma`);
  let heard: readonly string[] | undefined;
  const session = await client(
    await serving((stream, fields) => {
      heard = fields.names;
      void echo(stream);
    }),
  );
  const stream = session.request({ ...ask, names });
  stream.end();
  await whole(stream);
  expect(heard).toEqual(names);
});

test("who does not read is sent no more than the window, and the others go on", async () => {
  let sent = 0;
  const port = await serving(async (stream, fields) => {
    stream.sendFields({ ":status": ["200"] });
    if (fields[":path"]?.[0] === "/short") return stream.end({ "x-status": ["done"] });
    for (let piece = 0; piece < 400 && !stream.isOver; piece++) {
      await stream.send(large.subarray(0, 64 * 1024));
      sent += 64 * 1024;
    }
    stream.end();
  });
  const session = await client(port);
  const slow = session.request(ask);
  slow.end();
  for (let at = 0; at < 50; at++) {
    const short = session.request({ ...ask, ":path": ["/short"] });
    short.end();
    await whole(short);
  }
  expect(sent).toBeLessThanOrEqual(4 * 1024 * 1024);
  expect((await whole(slow)).length).toBe(400 * 64 * 1024);
});

test("a call that is cut ends on both sides, and the connection goes on", async () => {
  const over = Promise.withResolvers<void>();
  const port = await serving((stream, fields) => {
    if (fields[":path"]?.[0] === "/cut") stream.whenOver(over.resolve);
    else void echo(stream);
  });
  const session = await client(port);
  const cut = session.request({ ...ask, ":path": ["/cut"] });
  cut.reset(errorCodes.cancel);
  await over.promise;
  await expect(cut.read()).rejects.toThrow("the call was ended");
  const next = session.request(ask);
  next.end(undefined);
  expect((await whole(next)).length).toBe(0);
});

test("a connection that is gone ends its calls", async () => {
  const port = await serving(() => {});
  const session = await client(port);
  const stream = session.request(ask);
  session.close();
  await expect(stream.read()).rejects.toThrow("the connection was closed");
  await session.closed;
  expect(() => session.request(ask)).toThrow("the connection is gone");
});

const settingsFrame = frameHeader(frameTypes.settings, 0, 0, 0);
test.each([
  ["no greeting", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), errorCodes.protocol],
  ["a frame too long", frameHeader(frameTypes.data, 0, 1, 1_000_000), errorCodes.frameSize],
  [
    "data of no stream",
    Buffer.concat([frameHeader(frameTypes.data, 0, 5, 1), Buffer.from("x")]),
    errorCodes.protocol,
  ],
  ["fields without a beginning", frameHeader(frameTypes.continuation, 4, 1, 0), errorCodes.protocol],
  [
    "fields that are cut off",
    Buffer.concat([frameHeader(frameTypes.headers, 0, 1, 0), settingsFrame]),
    errorCodes.protocol,
  ],
  [
    "fields that are none",
    Buffer.concat([frameHeader(frameTypes.headers, 4, 1, 1), Buffer.from([0x80])]),
    errorCodes.compression,
  ],
  ["a stream of the server's", frameHeader(frameTypes.headers, 4, 2, 0), errorCodes.protocol],
])("%s: the connection ends, and is told why", async (what, bytes, code) => {
  const socket = dial(await serving(() => {}), "127.0.0.1");
  close.push(() => socket.destroy());
  socket.write(what === "no greeting" ? bytes : Buffer.concat([preface, settingsFrame, bytes]));
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part as Buffer);
  let rest = Buffer.concat(parts);
  let told: number | undefined;
  while (rest.length >= 9) {
    const length = rest.readUIntBE(0, 3);
    if (rest[3] === frameTypes.goAway) told = rest.readUInt32BE(9 + 4);
    rest = rest.subarray(9 + length);
  }
  expect(told).toBe(code);
});
