/** gRPC (grpc.io, PROTOCOL-HTTP2) as a server over a connection that is there already. */
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { Duplex } from "node:stream";
import { notImplemented } from "../../base/errors.ts";
import type { Message } from "../../base/protobuf.ts";
import { frame, messagesOf } from "./frames.ts";
import { trailersOf } from "./status.ts";

/** A call that came in. */
export interface ServerCall {
  metadata: Readonly<IncomingHttpHeaders>;
  /** Fires when whoever called is gone. */
  signal: AbortSignal;
  messages(): AsyncIterable<Buffer>;
  /** Sends a message; resolves when more can be sent. */
  send(message: Uint8Array): Promise<void>;
}

/** Answers a call; what it throws becomes the status. */
export type Method = (call: ServerCall) => Promise<void>;

export interface ServeOptions {
  /** By path: `/package.Service/Method`. */
  methods: ReadonlyMap<string, Method>;
  /** `google.rpc.Status`, encoded, for an error that has more to tell. */
  details?: (error: unknown) => Uint8Array | undefined;
}

/** Serves until the connection ends. */
export function serveGrpc(connection: Duplex, options: ServeOptions): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const server = createServer();
  server.on("stream", (stream, headers) => void answer(stream as ServerHttp2Stream, headers, options));
  server.on("session", (session) => session.on("close", resolve));
  connection.on("close", resolve);
  server.emit("connection", connection);
  return promise;
}

/** A method with one message each way. */
export function unary<Q, A>(
  Request: Message<Q>,
  Answer: Message<A>,
  handle: (request: Q, call: ServerCall) => Promise<Partial<A>> | Partial<A>,
): Method {
  return async (call) => {
    await call.send(Answer.encode(await handle(await only(Request, call), call)));
  };
}

/** The one message of a call; an empty one when none came. */
export async function only<Q>(Request: Message<Q>, call: ServerCall): Promise<Q> {
  for await (const bytes of call.messages()) return Request.decode(bytes);
  return Request.decode(new Uint8Array());
}

async function answer(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  { methods, details }: ServeOptions,
): Promise<void> {
  const gone = new AbortController();
  stream.on("close", () => gone.abort());
  // The one who called is gone: the signal tells.
  stream.on("error", () => {});
  let trailers = trailersOf(undefined);
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  try {
    const path = headers[":path"] ?? "";
    const method = methods.get(String(path));
    if (method === undefined) throw notImplemented(`unknown method ${path}`);
    await method({
      metadata: headers,
      signal: gone.signal,
      // Whoever has read enough may leave the iteration: the answer is still to come.
      messages: () => messagesOf(stream.iterator({ destroyOnReturn: false })),
      send: (message) => send(stream, message),
    });
  } catch (error) {
    trailers = trailersOf(error, details?.(error));
  }
  if (!stream.destroyed) stream.end();
}

async function send(stream: ServerHttp2Stream, message: Uint8Array): Promise<void> {
  if (stream.destroyed || stream.write(frame(message))) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      stream.off("drain", done);
      stream.off("close", done);
      resolve();
    };
    stream.on("drain", done);
    stream.on("close", done);
  });
}
