/** gRPC (grpc.io, PROTOCOL-HTTP2) as a server over a connection that is there already. */
import { notImplemented } from "../../base/errors.ts";
import type { Message } from "../../base/protobuf.ts";
import type { Wire } from "../http2/frame-writer.ts";
import type { Fields } from "../http2/hpack.ts";
import { Http2Session } from "../http2/session.ts";
import type { Http2Stream } from "../http2/stream.ts";
import { frame, messagesOf } from "./frames.ts";
import { trailersOf } from "./status.ts";

/** A call that came in. */
export interface ServerCall {
  metadata: Fields;
  /** Fires when whoever called is gone. */
  readonly signal: AbortSignal;
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
export function serveGrpc(wire: Wire, options: ServeOptions): Promise<void> {
  return new Http2Session(wire, (stream, fields) => void answer(stream, fields, options)).closed;
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
  stream: Http2Stream,
  metadata: Fields,
  { methods, details }: ServeOptions,
): Promise<void> {
  let trailers = trailersOf(undefined);
  stream.sendFields({ ":status": ["200"], "content-type": ["application/grpc"] });
  try {
    const path = metadata[":path"]?.[0] ?? "";
    const method = methods.get(path);
    if (method === undefined) throw notImplemented(`unknown method ${path}`);
    await method(new IncomingCall(stream, metadata));
  } catch (error) {
    trailers = trailersOf(error, details?.(error));
  }
  stream.end(trailers);
  // Whoever still sends need not go on (RFC 9113, section 8.1).
  stream.stopInput();
}

class IncomingCall implements ServerCall {
  readonly metadata: Fields;
  readonly #stream: Http2Stream;
  #gone: AbortController | undefined;

  constructor(stream: Http2Stream, metadata: Fields) {
    this.#stream = stream;
    this.metadata = metadata;
  }

  get signal(): AbortSignal {
    if (this.#gone === undefined) {
      const gone = new AbortController();
      this.#gone = gone;
      this.#stream.whenOver(() => gone.abort());
    }
    return this.#gone.signal;
  }

  /** Whoever has read enough may leave the iteration: the answer is still to come. */
  messages(): AsyncIterable<Buffer> {
    return messagesOf(this.#stream);
  }

  send(message: Uint8Array): Promise<void> {
    return this.#stream.send(frame(message));
  }
}
